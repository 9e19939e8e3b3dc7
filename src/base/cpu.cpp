// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/cpu.hpp"

#include <array>
#include <cctype>
#include <cstdlib>
#include <string>

namespace qfi {
namespace {

enum class Limit { sse41, avx2, none };

Limit limit() {
  const char* variable = std::getenv("DNNL_MAX_CPU_ISA");
  std::string name = variable == nullptr ? "" : variable;
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (name == "SSE41" || name == "AVX") return Limit::sse41;
  return name == "AVX2" || name == "AVX2_VNNI" ? Limit::avx2 : Limit::none;
}

Limit known_limit() {
  static const Limit known = limit();
  return known;
}

}  // namespace

bool has_avx2() {
#if defined(__x86_64__)
  return known_limit() >= Limit::avx2 && __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

bool has_avx512() {
#if defined(__x86_64__)
  return known_limit() == Limit::none && __builtin_cpu_supports("avx512f") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vbmi") != 0 &&
         __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("gfni") != 0;
#else
  return false;
#endif
}

}  // namespace qfi
