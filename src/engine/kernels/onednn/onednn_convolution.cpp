// SPDX-License-Identifier: Apache-2.0
#include "onednn_convolution.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

namespace qfi {
namespace {

using dnnl::memory;

// The library shares the work of a call among OpenMP threads; ours are one level further out. The setting is
// the calling thread's, in the OpenMP runtime that the library was built with, whichever the compiler has.
void use_one_thread() {
  thread_local const bool is_done = [] {
    using Set = void (*)(int);
    if (const auto set = reinterpret_cast<Set>(::dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) set(1);
    return true;
  }();
  static_cast<void>(is_done);
}

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& stream_of_thread() {
  thread_local dnnl::stream stream(cpu());
  return stream;
}

constexpr std::size_t k_step = 16;  // between the numbers of planes that there are primitives for

memory::dim dim(int value) { return value; }

// Padding behind the last row or column that the last output needs.
memory::dim end_padding(int out, int stride, int filter, int dilation, int in, int pad) {
  const std::int64_t last = (std::int64_t{out} - 1) * stride + (std::int64_t{filter} - 1) * dilation + 1;
  return std::max<std::int64_t>(last - in - pad, 0);
}

bool is_grouped(const ConvolutionShape& s) { return s.groups > 1; }

memory::dims weight_dims(const ConvolutionShape& s) {
  if (is_grouped(s))
    return {dim(s.groups), dim(s.group_out_c()), dim(s.group_in_c()), dim(s.filter_h), dim(s.filter_w)};
  return {dim(s.out_c), dim(s.in_c), dim(s.filter_h), dim(s.filter_w)};
}

memory::desc plain_weights(const ConvolutionShape& s) {
  return {weight_dims(s), memory::data_type::s8,
          is_grouped(s) ? memory::format_tag::gohwi : memory::format_tag::ohwi};
}

dnnl::convolution_forward::primitive_desc describe(const ConvolutionShape& s, CodeType input,
                                                   std::size_t planes) {
  // Planes of one pixel become rows of one plane, which the library does better.
  const bool is_pixel = s.in_h == 1 && s.in_w == 1 && s.out_h == 1 && s.out_w == 1 && s.filter_h == 1 &&
                        s.filter_w == 1 && s.pad_h == 0 && s.pad_w == 0;
  const auto n = static_cast<memory::dim>(is_pixel ? 1 : planes);
  const auto rows = static_cast<memory::dim>(is_pixel ? planes : 1);
  const memory::desc source({n, dim(s.in_c), rows * s.in_h, dim(s.in_w)},
                            input == CodeType::int8 ? memory::data_type::s8 : memory::data_type::u8,
                            memory::format_tag::nhwc);
  const memory::desc weights(weight_dims(s), memory::data_type::s8, memory::format_tag::any);
  const memory::desc sums({n, dim(s.out_c), rows * s.out_h, dim(s.out_w)}, memory::data_type::s32,
                          memory::format_tag::nhwc);
  const dnnl::convolution_forward::desc what(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source, weights, sums,
      {dim(is_pixel ? 1 : s.stride_h), dim(is_pixel ? 1 : s.stride_w)},
      {dim(s.dilation_h - 1), dim(s.dilation_w - 1)}, {dim(s.pad_h), dim(s.pad_w)},
      {end_padding(s.out_h, s.stride_h, s.filter_h, s.dilation_h, s.in_h, s.pad_h),
       end_padding(s.out_w, s.stride_w, s.filter_w, s.dilation_w, s.in_w, s.pad_w)});
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return {what, attributes, cpu()};
}

struct Primitive {
  Primitive(const dnnl::convolution_forward::primitive_desc& description, std::size_t count)
      : planes(count),
        source(description.src_desc()),
        weights(description.weights_desc()),
        sums(description.dst_desc()),
        scratchpad(description.scratchpad_desc()),
        name(description.impl_info_str()),
        primitive(description) {}

  void run(const memory& packed, const std::uint8_t* input, std::int32_t* to, std::byte* scratch) const {
    use_one_thread();
    dnnl::stream& stream = stream_of_thread();
    primitive.execute(stream, {{DNNL_ARG_SRC, memory(source, cpu(), const_cast<std::uint8_t*>(input))},
                               {DNNL_ARG_WEIGHTS, packed},
                               {DNNL_ARG_DST, memory(sums, cpu(), to)},
                               {DNNL_ARG_SCRATCHPAD, memory(scratchpad, cpu(), scratch)}});
    stream.wait();
  }

  std::size_t planes;
  memory::desc source, weights, sums, scratchpad;
  std::string name;
  dnnl::convolution_forward primitive;
};

struct PackedWeights final : IntegerConvolution::Weights {
  std::vector<memory> of_primitive;
};

// Operands of the trials. Those near the extremes differ in their lowest bit: sums are then as large as they
// get, where 16-bit sums saturate, and no multiples of a power of two, so that a way through float shows
// above 2^24.
struct Trial {
  enum class Kind : std::uint8_t { high, low, scattered };
  Kind input = Kind::scattered;
  Kind weight = Kind::scattered;
};
constexpr std::array<Trial, 5> k_trials = {{{Trial::Kind::high, Trial::Kind::high},
                                            {Trial::Kind::high, Trial::Kind::low},
                                            {Trial::Kind::low, Trial::Kind::high},
                                            {Trial::Kind::low, Trial::Kind::low},
                                            {Trial::Kind::scattered, Trial::Kind::scattered}}};

// A byte of the type; `salt` tells inputs from weights.
std::uint8_t trial_byte(Trial::Kind kind, CodeType type, std::size_t i, std::uint64_t salt) {
  std::uint64_t x = (i + 1) * 0x9E3779B97F4A7C15U + salt;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  const auto bits = static_cast<std::uint8_t>(x >> 56U);
  const int bit = bits & 1;
  switch (kind) {
    case Trial::Kind::high: return static_cast<std::uint8_t>((type == CodeType::int8 ? 127 : 255) - bit);
    case Trial::Kind::low: return static_cast<std::uint8_t>(smallest_code(type) + bit);
    case Trial::Kind::scattered: return bits;
  }
  return 0;
}

std::int32_t plain_sum(const ConvolutionShape& s, CodeType type, const std::uint8_t* input,
                       const std::int8_t* weights, std::size_t element) {
  const auto channel = static_cast<int>(element % static_cast<std::size_t>(s.out_c));
  const std::size_t pixel = element / static_cast<std::size_t>(s.out_c);
  const auto oy = static_cast<int>(pixel / static_cast<std::size_t>(s.out_w));
  const auto ox = static_cast<int>(pixel % static_cast<std::size_t>(s.out_w));
  const int first_in = channel / s.group_out_c() * s.group_in_c();
  const std::int8_t* weight = weights + static_cast<std::size_t>(channel) * s.taps();
  std::uint32_t sum = 0;
  for (int ky = 0; ky < s.filter_h; ++ky)
    for (int kx = 0; kx < s.filter_w; ++kx, weight += s.group_in_c()) {
      const int iy = input_place(oy, ky, s.in_h, s.stride_h, s.dilation_h, s.pad_h, false);
      const int ix = input_place(ox, kx, s.in_w, s.stride_w, s.dilation_w, s.pad_w, false);
      if (iy < 0 || ix < 0) continue;
      const std::uint8_t* x = input + static_cast<std::size_t>((iy * s.in_w + ix) * s.in_c + first_in);
      for (int c = 0; c < s.group_in_c(); ++c)
        sum += static_cast<std::uint32_t>(weight[c] * code_of_byte(x[c], type));
    }
  return static_cast<std::int32_t>(sum);
}

std::vector<std::byte> scratch_of(const memory::desc& scratchpad) {
  return std::vector<std::byte>(scratchpad.get_size() + 64);
}
std::byte* aligned(std::vector<std::byte>& memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return memory.data() + (64 - address % 64) % 64;
}

memory packed(const ConvolutionShape& shape, const memory::desc& wanted,
              std::span<const std::int8_t> weights) {
  use_one_thread();
  memory plain(plain_weights(shape), cpu(), const_cast<std::int8_t*>(weights.data()));
  memory result(wanted, cpu());
  dnnl::stream& stream = stream_of_thread();
  dnnl::reorder(plain, result).execute(stream, plain, result);
  stream.wait();
  return result;
}

// Some outputs of each trial, the first and the last among them, against the plain loop.
bool passes_trials(const Primitive& primitive, const ConvolutionShape& shape, CodeType type) {
  constexpr std::size_t k_compared = 97;
  const std::size_t outputs = primitive.planes * shape.out_plane();
  std::vector<std::uint8_t> input(primitive.planes * shape.in_plane());
  std::vector<std::int8_t> weights(static_cast<std::size_t>(shape.out_c) * shape.taps());
  std::vector<std::int32_t> sums(outputs);
  std::vector<std::byte> scratch = scratch_of(primitive.scratchpad);
  for (const Trial& trial : k_trials) {
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = trial_byte(trial.input, type, i, 1);
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = static_cast<std::int8_t>(trial_byte(trial.weight, CodeType::int8, i, 2));
    primitive.run(packed(shape, primitive.weights, weights), input.data(), sums.data(), aligned(scratch));
    for (std::size_t k = 0; k < k_compared; ++k) {
      const std::size_t element = (outputs - 1) * k / (k_compared - 1);
      const std::size_t plane = element / shape.out_plane();
      if (sums[element] != plain_sum(shape, type, input.data() + plane * shape.in_plane(), weights.data(),
                                     element % shape.out_plane()))
        return false;
    }
  }
  return true;
}

// Tried once for each shape: the same implementation may be exact for one and not for another.
bool is_proved(const Primitive& primitive, const ConvolutionShape& s, CodeType type) {
  if (primitive.name.starts_with("ref")) return false;  // exact, and slower than ours
  static std::mutex lock;
  static std::map<std::string, bool> known;
  const std::string kind = fmt::format(
      "{} {} {} {}x{}x{} {}x{}x{} {}x{} {}x{} {}x{} {}x{} {}", primitive.name, static_cast<int>(type),
      primitive.planes, s.in_h, s.in_w, s.in_c, s.out_h, s.out_w, s.out_c, s.filter_h, s.filter_w, s.stride_h,
      s.stride_w, s.dilation_h, s.dilation_w, s.pad_h, s.pad_w, s.groups);
  const std::scoped_lock guard(lock);
  const auto [entry, is_new] = known.try_emplace(kind, false);
  if (is_new) entry->second = passes_trials(primitive, s, type);
  return entry->second;
}

class OnednnConvolution final : public IntegerConvolution {
 public:
  static std::unique_ptr<OnednnConvolution> make(const ConvolutionShape& shape, CodeType input,
                                                 std::size_t planes);
  std::shared_ptr<const Weights> pack(std::span<const std::int8_t> weights) const override;
  std::size_t planes() const override { return m_primitives.front()->planes; }
  std::size_t scratch_bytes() const override;
  void run(const Weights& weights, std::size_t planes, const std::uint8_t* input, std::int32_t* sums,
           std::byte* scratch) const override;
  double products_per_cycle() const override {
    return m_shape.groups > 1 ? 14 : onednn_instructions() == "AMX" ? 350 : 100;
  }

 private:
  std::vector<std::unique_ptr<Primitive>> m_primitives;  ///< for fewer and fewer planes, at last one
  ConvolutionShape m_shape;
};

std::unique_ptr<OnednnConvolution> OnednnConvolution::make(const ConvolutionShape& shape, CodeType input,
                                                           std::size_t planes) {
  auto result = std::make_unique<OnednnConvolution>();
  result->m_shape = shape;
  try {
    for (;;) {
      result->m_primitives.push_back(std::make_unique<Primitive>(describe(shape, input, planes), planes));
      if (!is_proved(*result->m_primitives.back(), shape, input)) return nullptr;
      if (planes == 1) return result;
      planes = std::max<std::size_t>(planes / k_step, 1);
    }
  } catch (const dnnl::error&) {
    return nullptr;  // a shape that the library does not take
  }
}

std::shared_ptr<const IntegerConvolution::Weights> OnednnConvolution::pack(
    std::span<const std::int8_t> weights) const {
  auto result = std::make_shared<PackedWeights>();
  for (std::size_t i = 0; i < m_primitives.size(); ++i) {
    std::size_t same = 0;  // an earlier one that wants them alike
    while (same < i && m_primitives[same]->weights != m_primitives[i]->weights) ++same;
    result->of_primitive.push_back(same < i ? result->of_primitive[same]
                                            : packed(m_shape, m_primitives[i]->weights, weights));
  }
  return result;
}

std::size_t OnednnConvolution::scratch_bytes() const {
  std::size_t bytes = 0;
  for (const auto& primitive : m_primitives) bytes = std::max(bytes, primitive->scratchpad.get_size());
  return bytes;
}

void OnednnConvolution::run(const Weights& weights, std::size_t planes, const std::uint8_t* input,
                            std::int32_t* sums, std::byte* scratch) const {
  const auto& of_primitive = static_cast<const PackedWeights&>(weights).of_primitive;
  std::size_t plane = 0;
  for (std::size_t i = 0; i < m_primitives.size(); ++i)
    for (const std::size_t step = m_primitives[i]->planes; plane + step <= planes; plane += step)
      m_primitives[i]->run(of_primitive[i], input + plane * m_shape.in_plane(),
                           sums + plane * m_shape.out_plane(), scratch);
}

}  // namespace

std::unique_ptr<IntegerConvolution> make_onednn_convolution(const ConvolutionShape& shape, CodeType input,
                                                            std::size_t planes) {
  if (shape.is_transposed) return nullptr;
  use_one_thread();
  return OnednnConvolution::make(shape, input, planes);
}

std::string onednn_version() {
  const dnnl::version_t* version = dnnl::version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

std::string onednn_instructions() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_amx: return "AMX";
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_vnni: return "AVX-512 VNNI";
    case dnnl::cpu_isa::avx512_core: return "AVX-512";
    case dnnl::cpu_isa::avx2_vnni: return "AVX2 VNNI";
    case dnnl::cpu_isa::avx2: return "AVX2";
    default: return "SSE4.1 or less";
  }
}

}  // namespace qfi
