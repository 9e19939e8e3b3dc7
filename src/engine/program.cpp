// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/program.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "kernel.hpp"
#include "kernels/instruction_set.hpp"
#include "kernels/onednn/onednn_convolution.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_alignment = 64;

// Lists of dimensions may be empty, as the shape of a single number is; nothing else may.
Result<void> check_inputs_have_elements(const Model& model, const Operator& op) {
  const bool reads_list = op.kind == OperatorKind::reshape || op.kind == OperatorKind::pad ||
                          op.kind == OperatorKind::padv2 || op.kind == OperatorKind::slice ||
                          op.kind == OperatorKind::transpose;
  for (std::size_t k = 0; k < op.inputs.size(); ++k) {
    if (op.inputs[k] == k_no_tensor || (reads_list && k > 0)) continue;
    const Tensor& tensor = model.tensors[static_cast<std::size_t>(op.inputs[k])];
    if (tensor.elements() == 0) return bad_input("input '{}' has no elements", tensor.name);
  }
  return {};
}

// Stored weights of 8 bits that meet FLOAT32 activations.
Result<void> check_is_not_dynamic_range(const Model& model, const Operator& op) {
  const Tensor* activation = nullptr;
  const Tensor* weights = nullptr;
  for (const int input : op.inputs) {
    if (input == k_no_tensor) continue;
    const Tensor& tensor = model.tensors[static_cast<std::size_t>(input)];
    const bool is_8_bit = tensor.type == TensorType::int8 || tensor.type == TensorType::uint8;
    if (tensor.type == TensorType::float32 && !tensor.is_constant) activation = &tensor;
    if (is_8_bit && tensor.is_constant && !tensor.quantization.scales.empty()) weights = &tensor;
  }
  if (activation == nullptr || weights == nullptr) return {};
  return bad_input(
      "weights '{}' are {}, the input FLOAT32: a dynamic-range quantized model is not supported; convert it "
      "with "
      "a representative data set, so that activations are quantized too",
      weights->name, name_of(weights->type));
}

PreparedKernel prepare_kernel(Model& model, std::size_t index, KernelSet kernels) {
  QFI_CHECK(check_inputs_have_elements(model, model.operators[index]));
  QFI_CHECK(check_is_not_dynamic_range(model, model.operators[index]));
  const OperatorView view(model, index);
  switch (model.operators[index].kind) {
    case OperatorKind::conv_2d:
    case OperatorKind::depthwise_conv_2d:
    case OperatorKind::transpose_conv:
    case OperatorKind::fully_connected: return prepare_weighted(view, kernels);
    case OperatorKind::batch_matmul: return prepare_batch_matmul(view);
    case OperatorKind::add:
    case OperatorKind::sub:
    case OperatorKind::mul:
    case OperatorKind::maximum:
    case OperatorKind::minimum:
    case OperatorKind::prelu:
    case OperatorKind::squared_difference: return prepare_binary(view);
    case OperatorKind::abs:
    case OperatorKind::cast:
    case OperatorKind::dequantize:
    case OperatorKind::exp:
    case OperatorKind::gelu:
    case OperatorKind::hard_swish:
    case OperatorKind::leaky_relu:
    case OperatorKind::logistic:
    case OperatorKind::neg:
    case OperatorKind::quantize:
    case OperatorKind::relu:
    case OperatorKind::relu6:
    case OperatorKind::relu_n1_to_1:
    case OperatorKind::rsqrt:
    case OperatorKind::tanh: return prepare_unary(view);
    case OperatorKind::average_pool_2d:
    case OperatorKind::max_pool_2d: return prepare_pool(view);
    case OperatorKind::mean:
    case OperatorKind::sum:
    case OperatorKind::reduce_max:
    case OperatorKind::reduce_min:
    case OperatorKind::reduce_prod: return prepare_reduction(view);
    case OperatorKind::arg_max:
    case OperatorKind::arg_min: return prepare_arg(view);
    case OperatorKind::l2_normalization:
    case OperatorKind::log_softmax:
    case OperatorKind::softmax: return prepare_normalization(view);
    case OperatorKind::resize_bilinear: return prepare_resize_bilinear(view);
    case OperatorKind::unidirectional_sequence_lstm: return prepare_sequence_lstm(view);
    case OperatorKind::batch_to_space_nd:
    case OperatorKind::concatenation:
    case OperatorKind::depth_to_space:
    case OperatorKind::expand_dims:
    case OperatorKind::gather:
    case OperatorKind::mirror_pad:
    case OperatorKind::pack:
    case OperatorKind::pad:
    case OperatorKind::padv2:
    case OperatorKind::reshape:
    case OperatorKind::resize_nearest_neighbor:
    case OperatorKind::shape:
    case OperatorKind::slice:
    case OperatorKind::space_to_batch_nd:
    case OperatorKind::space_to_depth:
    case OperatorKind::split:
    case OperatorKind::split_v:
    case OperatorKind::squeeze:
    case OperatorKind::strided_slice:
    case OperatorKind::transpose:
    case OperatorKind::unpack: return prepare_layout(view);
  }
  return bad_input("not supported");
}

std::size_t aligned(std::size_t bytes) { return (bytes + k_alignment - 1) / k_alignment * k_alignment; }

std::size_t bytes_of_outputs(const Model& model, std::size_t index) {
  std::size_t bytes = 0;
  for (const int output : model.operators[index].outputs)
    bytes += aligned(model.tensors[static_cast<std::size_t>(output)].bytes());
  return bytes;
}

// What operators compute may be larger than what the file says.
Result<void> check_sizes_of_outputs(const Model& model, std::size_t index, std::size_t most_bytes) {
  for (const int output : model.operators[index].outputs)
    if (const std::size_t bytes = model.tensors[static_cast<std::size_t>(output)].bytes(); bytes > most_bytes)
      return bad_input("its output needs {} bytes, more than the limit of {}, which --model-memory sets",
                       bytes, most_bytes);
  return {};
}

// All inputs are constants, or only their shapes matter; and the model does not give it out.
bool has_constant_result(const Model& model, const ProgramParams& params, std::size_t index) {
  const Operator& op = model.operators[index];
  for (const int output : op.outputs)
    if (std::ranges::find(model.outputs, output) != model.outputs.end() ||
        std::ranges::find(params.kept_tensors, output) != params.kept_tensors.end())
      return false;
  return op.kind == OperatorKind::shape || std::ranges::all_of(op.inputs, [&](int input) {
           return input == k_no_tensor || model.tensors[static_cast<std::size_t>(input)].is_constant;
         });
}

// When a tensor is needed: from the operator that writes it to the last one that reads it.
// Model inputs are there before operator 0, model outputs until the end.
struct Lifetime {
  std::size_t first = 0;
  std::size_t last = 0;
  bool is_used = false;
};

std::vector<Lifetime> lifetimes(const Model& model, const ProgramParams& params) {
  const std::size_t end = model.operators.size();
  std::vector<Lifetime> result(model.tensors.size());
  const auto at = [&](int tensor) -> Lifetime& { return result[static_cast<std::size_t>(tensor)]; };
  for (const int tensor : model.inputs) at(tensor) = {0, 0, true};
  for (std::size_t i = 0; i < end; ++i) {
    for (const int tensor : model.operators[i].inputs)
      if (tensor != k_no_tensor) at(tensor).last = std::max(at(tensor).last, i);
    for (const int tensor : model.operators[i].outputs) at(tensor) = {i, i, true};
  }
  for (const int tensor : model.outputs) at(tensor).last = end;
  for (const int tensor : params.kept_tensors) at(tensor).last = end;
  for (std::size_t t = 0; t < result.size(); ++t) {
    if (model.tensors[t].is_constant) result[t].is_used = false;  // folded ones included
    if (params.keep_all_tensors) result[t].last = end;
  }
  return result;
}

// Computes an operator of constants; what it writes are constants from then on.
void fold(Model& model, std::size_t index, const Kernel& kernel) {
  const Operator& op = model.operators[index];
  std::vector<std::byte> scratch;
  KernelCall call;
  call.images = 1;
  call.scratch = &scratch;
  for (const int input : op.inputs)
    call.inputs.push_back(input == k_no_tensor ? nullptr
                                               : model.tensors[static_cast<std::size_t>(input)].data.data());
  call.input_strides.assign(op.inputs.size(), 0);
  const auto memory = std::make_shared<std::vector<std::byte>>(bytes_of_outputs(model, index));
  std::size_t place = 0;
  for (const int output : op.outputs) {
    Tensor& tensor = model.tensors[static_cast<std::size_t>(output)];
    tensor.is_constant = true;
    tensor.data = std::span(*memory).subspan(place, tensor.bytes());
    call.outputs.push_back(memory->data() + place);
    call.output_strides.push_back(0);
    place += aligned(tensor.bytes());
  }
  model.folded.push_back(memory);
  kernel.run(call);
}

}  // namespace

const char* name_of(KernelSet set) {
  switch (set) {
    case KernelSet::reference: return "reference";
    case KernelSet::portable: return "portable";
    case KernelSet::fast: return "fast";
  }
  return "";
}

std::string instructions_in_use() {
  return fmt::format("oneDNN {} with {}, own kernels with {}", onednn_version(), onednn_instructions(),
                     instruction_set().name);
}

Program::Program(Model model, const ProgramParams& params) : m_model(std::move(model)), m_params(params) {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

Result<Program> Program::prepare(Model model, const ProgramParams& params) {
  Program program(std::move(model), params);
  std::size_t prepared_bytes = 0;
  for (std::size_t i = 0; i < program.m_model.operators.size(); ++i) {
    auto kernel = prepare_kernel(program.m_model, i, params.kernels);
    if (!kernel) return at(operator_label(program.m_model, i), kernel.error());
    if (auto checked = check_sizes_of_outputs(program.m_model, i, params.max_prepared_bytes / 16); !checked)
      return at(operator_label(program.m_model, i), checked.error());
    const bool is_constant = has_constant_result(program.m_model, params, i);
    prepared_bytes += is_constant ? bytes_of_outputs(program.m_model, i) : (*kernel)->bytes();
    if (prepared_bytes > params.max_prepared_bytes)
      return bad_input("weights and tables need more than the limit of {} bytes, which --model-memory sets",
                       params.max_prepared_bytes);
    if (is_constant) {
      fold(program.m_model, i, **kernel);
    } else {
      program.m_scratch_bytes = std::max(program.m_scratch_bytes, (*kernel)->scratch_bytes());
      program.m_table_scratch_bytes =
          std::max(program.m_table_scratch_bytes, (*kernel)->table_scratch_bytes());
    }
    program.m_kernels.push_back(is_constant ? nullptr : std::move(*kernel));
  }
  QFI_CHECK(program.plan_memory());
  const std::size_t needed = program.m_bytes_per_image + program.m_scratch_bytes;
  if (needed > params.max_bytes_per_image)
    return bad_input(
        "one image needs {} bytes of tensors, more than the limit of {}, which --model-memory sets", needed,
        params.max_bytes_per_image);
  return program;
}

// First fit: the largest tensors first, each at the lowest place that is free during its life.
Result<void> Program::plan_memory() {
  const std::vector<Lifetime> lives = lifetimes(m_model, m_params);
  std::vector<std::size_t> order;
  for (std::size_t t = 0; t < lives.size(); ++t)
    if (lives[t].is_used) order.push_back(t);
  constexpr std::size_t k_most_tensors = 10'000;  // the search below is quadratic
  if (order.size() > k_most_tensors) return bad_input("more than {} activation tensors", k_most_tensors);
  const auto size = [&](std::size_t t) { return aligned(m_model.tensors[t].bytes()); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
  m_offset.assign(lives.size(), 0);
  std::vector<std::size_t> placed;
  for (const std::size_t t : order) {
    std::vector<std::pair<std::size_t, std::size_t>> taken;  // (begin, end), while t lives
    for (const std::size_t other : placed)
      if (lives[t].first <= lives[other].last && lives[other].first <= lives[t].last)
        taken.emplace_back(m_offset[other], m_offset[other] + size(other));
    std::sort(taken.begin(), taken.end());
    std::size_t place = 0;
    for (const auto& [begin, end] : taken) {
      if (begin >= place + size(t)) break;
      place = std::max(place, end);
    }
    m_offset[t] = place;
    m_bytes_per_image = std::max(m_bytes_per_image, place + size(t));
    placed.push_back(t);
  }
  return {};
}

namespace {

KernelCall call_on(Batch& batch, const Program& program, std::size_t index, const ChangedOperators* changed) {
  return make_call(
      program.model(), index, batch.images(), [&](int tensor) { return batch.tensor(tensor).data(); },
      [&](int tensor) { return batch.tensor(tensor).data(); }, changed);
}

}  // namespace

void Program::run(Batch& batch, std::size_t first, std::size_t end, const Units* units,
                  const ChangedOperators* changed) const {
  for (std::size_t i = first; i < end; ++i) {
    if (is_folded(i)) continue;
    KernelCall call = call_on(batch, *this, i, changed);
    call.scratch = &batch.m_scratch;
    if (units != nullptr) call.unit = &units->of_operator[i];
    const Kernel* kernel = changed == nullptr ? nullptr : changed->find(i);
    (kernel == nullptr ? *m_kernels[i] : *kernel).run(call);
  }
}

ChangedOperators::ChangedOperators() = default;
ChangedOperators::ChangedOperators(ChangedOperators&&) noexcept = default;
ChangedOperators& ChangedOperators::operator=(ChangedOperators&&) noexcept = default;
ChangedOperators::~ChangedOperators() = default;

const Kernel* ChangedOperators::find(std::size_t index) const {
  for (const auto& [op, kernel] : m_kernels)
    if (op == index) return kernel.get();
  return nullptr;
}

const std::byte* ChangedOperators::constant(int tensor) const {
  for (const auto& [changed, bytes] : m_constants)
    if (changed == tensor) return bytes.data();
  return nullptr;
}

Result<ChangedOperators> Program::with_constants(std::span<const ConstantFault> faults) const {
  Model model = m_model;
  std::map<int, std::vector<std::byte>> contents;
  for (const ConstantFault& fault : faults) {
    const Tensor& tensor = m_model.tensors[static_cast<std::size_t>(fault.tensor)];
    const auto [entry, is_new] = contents.try_emplace(fault.tensor);
    if (is_new) entry->second.assign(tensor.data.begin(), tensor.data.end());
    const std::size_t bytes = size_of(tensor.type);
    std::memcpy(entry->second.data() + fault.element * bytes, &fault.bits, bytes);
  }
  std::set<int> changed;
  for (const auto& [tensor, content] : contents) {
    model.tensors[static_cast<std::size_t>(tensor)].data = content;
    changed.insert(tensor);
  }
  ChangedOperators result;
  for (std::size_t i = 0; i < model.operators.size(); ++i) {
    const Operator& op = model.operators[i];
    if (std::ranges::none_of(op.inputs, [&](int tensor) { return changed.contains(tensor); })) continue;
    auto kernel = prepare_kernel(model, i, m_params.kernels);
    if (!kernel) return at(operator_label(model, i), kernel.error());
    for (const int output : op.outputs)
      if (model.tensors[static_cast<std::size_t>(output)].shape !=
          m_model.tensors[static_cast<std::size_t>(output)].shape)
        return bad_input("{}: the changed constants change the shape of its output",
                         operator_label(model, i));
    if (is_folded(i)) {
      fold(model, i, **kernel);
      for (const int output : op.outputs) {
        const auto content = model.tensors[static_cast<std::size_t>(output)].data;
        contents[output].assign(content.begin(), content.end());
        changed.insert(output);
      }
    } else {
      result.m_kernels.emplace_back(i, std::move(*kernel));
    }
  }
  for (auto& [tensor, content] : contents) result.m_constants.emplace_back(tensor, std::move(content));
  return result;
}

bool Program::has_accumulators(std::size_t index) const {
  return !is_folded(index) && m_kernels[index]->has_accumulators();
}

void Program::fault_accumulator(Batch& batch, std::size_t image, std::size_t index, std::size_t element,
                                const std::function<std::uint32_t(std::uint32_t)>& read,
                                const ChangedOperators* changed) const {
  KernelCall call = call_on(batch, *this, index, changed);
  for (std::size_t k = 0; k < call.inputs.size(); ++k) call.inputs[k] += image * call.input_strides[k];
  for (std::size_t k = 0; k < call.outputs.size(); ++k) call.outputs[k] += image * call.output_strides[k];
  const Kernel* found = changed == nullptr ? nullptr : changed->find(index);
  const Kernel& kernel = found == nullptr ? *m_kernels[index] : *found;
  kernel.store_accumulator(call, element, read(kernel.accumulator(call, element)));
}

std::vector<int> Program::live_tensors(std::size_t cut, std::span<const int> also) const {
  std::vector<bool> is_known(m_model.tensors.size(), false);
  for (const int tensor : m_model.inputs) is_known[static_cast<std::size_t>(tensor)] = true;
  for (std::size_t i = 0; i < cut; ++i)
    for (const int tensor : m_model.operators[i].outputs) is_known[static_cast<std::size_t>(tensor)] = true;
  std::vector<int> live;
  std::vector<bool> is_live(m_model.tensors.size(), false);
  const auto need = [&](int tensor) {
    const auto t = static_cast<std::size_t>(tensor);
    if (tensor == k_no_tensor || m_model.tensors[t].is_constant || !is_known[t] || is_live[t]) return;
    is_live[t] = true;
    live.push_back(tensor);
  };
  for (std::size_t i = cut; i < m_model.operators.size(); ++i)
    for (const int tensor : m_model.operators[i].inputs) need(tensor);
  for (const int tensor : m_model.outputs) need(tensor);
  for (const int tensor : also) need(tensor);
  return live;
}

bool Program::multiplies_weights(std::size_t index) const {
  return !is_folded(index) && m_kernels[index]->multiply_accumulate() != nullptr;
}

std::uint64_t Program::multiplications(std::size_t index) const {
  return is_folded(index) ? 0 : m_kernels[index]->multiplications();
}

const MultiplyAccumulate& Program::multiply_accumulate(std::size_t index) const {
  return *m_kernels[index]->multiply_accumulate();
}

OperandCodes Program::operand_codes(std::size_t index) const { return multiply_accumulate(index).codes; }

std::span<const std::uint8_t> Program::weight_bytes(std::size_t index) const {
  return multiply_accumulate(index).weights;
}

ByteSet Program::possible_inputs(std::size_t index, PaddingTaps padding) const {
  ByteSet inputs = ByteSet::all();  // of the model's own input
  const int input = m_model.operators[index].inputs[multiply_accumulate(index).data_input];
  for (std::size_t i = 0; i < index; ++i)
    if (std::ranges::find(m_model.operators[i].outputs, input) != m_model.operators[i].outputs.end())
      inputs = is_folded(i) ? ByteSet::all() : m_kernels[i]->possible_outputs();
  if (padding == PaddingTaps::multiply) inputs[byte_index(operand_codes(index).input_zero_point)] = true;
  return inputs;
}

Batch::Batch(const Program& program, std::size_t images)
    : m_program(&program),
      m_capacity(images),
      m_images(images),
      m_memory(images * program.bytes_per_image() + k_alignment) {}

void Batch::set_images(std::size_t images) { m_images = std::min(images, m_capacity); }

std::span<const std::byte> Batch::tensor(int index) const {
  const auto t = static_cast<std::size_t>(index);
  const auto address = reinterpret_cast<std::uintptr_t>(m_memory.data());
  const std::size_t skew = (k_alignment - address % k_alignment) % k_alignment;
  // Places are planned for one image; with m_capacity of them every place and size grows alike.
  return std::span(m_memory).subspan(skew + m_program->m_offset[t] * m_capacity,
                                     m_program->model().tensors[t].bytes() * m_images);
}

std::span<std::byte> Batch::tensor(int index) {
  const auto view = std::as_const(*this).tensor(index);
  return {const_cast<std::byte*>(view.data()), view.size()};
}

}  // namespace qfi
