// SPDX-License-Identifier: Apache-2.0
#include "tried_operators.hpp"

#include <algorithm>
#include <random>

#include "operator_jobs.hpp"

namespace qfi::tiles {
namespace {

using Bytes = std::vector<std::uint8_t>;

const Tensor& tensor_of(const Model& model, int index) {
  return model.tensors[static_cast<std::size_t>(index)];
}

bool is_8_bit(const Tensor& tensor) {
  return tensor.type == TensorType::int8 || tensor.type == TensorType::uint8;
}

// One output, and every input that is no constant, of 8 bits.
bool has_8_bit_values(const Model& model, std::size_t index) {
  const Operator& op = model.operators[index];
  const std::vector<int> inputs = variable_inputs(model, index);
  return op.outputs.size() == 1 && is_8_bit(tensor_of(model, op.outputs[0])) && !inputs.empty() &&
         std::ranges::all_of(inputs, [&](int input) { return is_8_bit(tensor_of(model, input)); });
}

// Runs one image; `inputs` are those that are no constants.
class Trial {
 public:
  Trial(const Model& model, std::size_t index, const Kernel& kernel)
      : m_model(model), m_index(index), m_kernel(kernel), m_inputs(variable_inputs(model, index)) {}

  KernelCall call(const std::vector<Bytes>& inputs, Bytes& output) {
    KernelCall call = make_call(
        m_model, m_index, 1,
        [&](int tensor) {
          const auto at = std::ranges::find(m_inputs, tensor) - m_inputs.begin();
          return reinterpret_cast<const std::byte*>(inputs[static_cast<std::size_t>(at)].data());
        },
        [&](int) { return reinterpret_cast<std::byte*>(output.data()); });
    call.scratch = &m_scratch;
    return call;
  }
  Bytes run(const std::vector<Bytes>& inputs) {
    Bytes output(tensor_of(m_model, m_model.operators[m_index].outputs[0]).bytes());
    m_kernel.run(call(inputs, output));
    return output;
  }

 private:
  const Model& m_model;
  std::size_t m_index;
  const Kernel& m_kernel;
  std::vector<int> m_inputs;
  std::vector<std::byte> m_scratch;
};

// What a gathered output holds, the inputs lying side by side from `first` on.
std::uint8_t source_byte(std::int64_t source, const std::vector<std::size_t>& first, const Bytes& all) {
  if (source < 0) return static_cast<std::uint8_t>(-1 - source);
  const auto place = static_cast<std::size_t>(source) & ((std::size_t{1} << 40) - 1);
  return all[first[static_cast<std::size_t>(source >> 40)] + place];
}

}  // namespace

std::vector<int> variable_inputs(const Model& model, std::size_t index) {
  std::vector<int> inputs;
  for (const int input : model.operators[index].inputs)
    if (input != k_no_tensor && !tensor_of(model, input).is_constant &&
        std::ranges::find(inputs, input) == inputs.end())
      inputs.push_back(input);
  return inputs;
}

std::optional<Bytes> element_table(const Model& model, std::size_t index, const Kernel& kernel) {
  if (!kernel.is_elementwise() || !has_8_bit_values(model, index)) return std::nullopt;
  const std::size_t inputs = variable_inputs(model, index).size();
  const Operator& op = model.operators[index];
  const bool has_constants = std::ranges::any_of(
      op.inputs, [&](int input) { return input != k_no_tensor && tensor_of(model, input).is_constant; });
  if (inputs > 2 || has_constants) return std::nullopt;
  Trial trial(model, index, kernel);
  Bytes codes(256);
  for (std::size_t i = 0; i < 256; ++i) codes[i] = static_cast<std::uint8_t>(i);
  Bytes table, row(256);
  for (std::size_t x = 0; x < (inputs == 1 ? 1 : 256); ++x) {
    const std::vector<Bytes> values =
        inputs == 1 ? std::vector<Bytes>{codes}
                    : std::vector<Bytes>{Bytes(256, static_cast<std::uint8_t>(x)), codes};
    kernel.run_range(trial.call(values, row), 0, 256, 1);
    table.insert(table.end(), row.begin(), row.end());
  }
  return table;
}

std::optional<std::vector<std::int64_t>> gather_sources(const Model& model, std::size_t index,
                                                        const Kernel& kernel) {
  constexpr int k_digits = 4;
  if (!has_8_bit_values(model, index)) return std::nullopt;
  const std::vector<int> inputs = variable_inputs(model, index);
  if (inputs.size() > k_most_gather_inputs) return std::nullopt;
  // Every input byte has a number, of which a run shows one digit of base 256.
  std::vector<std::size_t> first(1, 0);
  for (const int input : inputs) first.push_back(first.back() + tensor_of(model, input).bytes());
  if (first.back() >= std::size_t{1} << 31) return std::nullopt;
  Trial trial(model, index, kernel);
  const auto run = [&](const auto& byte_of) {
    std::vector<Bytes> values;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      Bytes& bytes = values.emplace_back(first[k + 1] - first[k]);
      for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(byte_of(first[k] + i));
    }
    return trial.run(values);
  };
  const Bytes low = run([](std::size_t i) { return i; });
  const Bytes inverse = run([](std::size_t i) { return ~i; });
  std::vector<std::size_t> number(low.begin(), low.end());
  for (int digit = 1; digit < k_digits; ++digit) {
    const Bytes shown = run([&](std::size_t i) { return i >> (8 * digit); });
    for (std::size_t o = 0; o < shown.size(); ++o) number[o] |= std::size_t{shown[o]} << (8 * digit);
  }
  std::vector<std::int64_t> sources;
  for (std::size_t o = 0; o < low.size(); ++o) {
    if (low[o] == inverse[o]) {
      sources.push_back(-1 - std::int64_t{low[o]});
    } else {
      if (number[o] >= first.back()) return std::nullopt;
      const auto input =
          static_cast<std::size_t>(std::ranges::upper_bound(first, number[o]) - first.begin() - 1);
      sources.push_back(static_cast<std::int64_t>(input << 40 | (number[o] - first[input])));
    }
  }
  std::mt19937 random(1);
  for (int check = 0; check < 2; ++check) {
    Bytes all(first.back());
    for (std::uint8_t& byte : all) byte = static_cast<std::uint8_t>(random());
    const Bytes output = run([&](std::size_t i) { return all[i]; });
    for (std::size_t o = 0; o < output.size(); ++o)
      if (output[o] != source_byte(sources[o], first, all)) return std::nullopt;
  }
  return sources;
}

std::optional<std::vector<std::int64_t>> chunk_sources(const Model& model, std::size_t index,
                                                       std::span<const std::int64_t> sources) {
  const auto is_whole = [](std::size_t bytes) { return bytes % k_chunk == 0; };
  if (!is_whole(sources.size()) || !std::ranges::all_of(variable_inputs(model, index), [&](int input) {
        return is_whole(tensor_of(model, input).bytes());
      }))
    return std::nullopt;
  std::vector<std::int64_t> chunks;
  for (std::size_t o = 0; o < sources.size(); o += k_chunk) {
    const std::int64_t first = sources[o];
    if (first >= 0 && !is_whole(static_cast<std::size_t>(first))) return std::nullopt;
    for (std::size_t k = 1; k < k_chunk; ++k)
      if (sources[o + k] != (first < 0 ? first : first + static_cast<std::int64_t>(k))) return std::nullopt;
    chunks.push_back(first);
  }
  return chunks;
}

}  // namespace qfi::tiles
