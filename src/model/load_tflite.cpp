// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "operator_table.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/model/model.hpp"

namespace qfi {
namespace {

namespace fb = qfi::tflite;

constexpr std::size_t k_max_dimensions = 8;

bool fits(TensorType type, std::int64_t value) {
  switch (type) {
    case TensorType::int8: return value >= -128 && value <= 127;
    case TensorType::uint8: return value >= 0 && value <= 255;
    case TensorType::int16: return value >= -32768 && value <= 32767;
    default:
      return value >= std::numeric_limits<std::int32_t>::min() &&
             value <= std::numeric_limits<std::int32_t>::max();
  }
}

// Names go into messages: long ones are cut.
std::string short_name(std::string_view name) {
  constexpr std::size_t k_most = 100;
  return name.size() <= k_most ? std::string(name) : std::string(name.substr(0, k_most)) + "..";
}

class Loader {
 public:
  Loader(std::shared_ptr<const std::string> content, const LoadParams& params) : m_params(params) {
    m_model.file = std::move(content);
  }

  Result<Model> load() {
    const auto* data = reinterpret_cast<const std::uint8_t*>(m_model.file->data());
    if (m_model.file->size() < 8 || !flatbuffers::BufferHasIdentifier(data, "TFL3"))
      return bad_input("not a .tflite file (the identifier TFL3 is missing)");
    constexpr std::size_t k_max_bytes = FLATBUFFERS_MAX_BUFFER_SIZE;
    if (m_model.file->size() >= k_max_bytes)
      return bad_input("files of {} bytes or more are not supported", k_max_bytes);
    m_verifier.emplace(data, m_model.file->size(), 64, 10'000'000);
    if (!m_verifier->VerifyBuffer<fb::Model>("TFL3"))
      return bad_input("damaged .tflite file (an offset or size is out of range)");
    m_file = fb::GetModel(data);
    if (m_file->version() != 3)
      return bad_input(".tflite version {} is not supported, only 3", m_file->version());
    QFI_CHECK(choose_graph());
    QFI_CHECK(check_operators_are_known());
    find_roles();
    QFI_CHECK(read_tensors());
    QFI_CHECK(read_list(m_graph->inputs(), "model input", false, m_model.inputs));
    QFI_CHECK(read_list(m_graph->outputs(), "model output", false, m_model.outputs));
    if (m_model.inputs.empty() || m_model.outputs.empty())
      return bad_input("the model has no input or no output");
    constexpr std::size_t k_most_ends = 1000;
    if (m_model.inputs.size() > k_most_ends || m_model.outputs.size() > k_most_ends)
      return bad_input("more than {} inputs or outputs are not supported", k_most_ends);
    QFI_CHECK(read_operators());
    QFI_CHECK(check_data_flow());
    m_model.sha256 = sha256_hex(bytes_of(*m_model.file));
    return std::move(m_model);
  }

 private:
  // The graph of the signature that is asked for, or the file's first, as the runtime does.
  Result<void> choose_graph() {
    const auto* graphs = m_file->subgraphs();
    if (graphs == nullptr || graphs->size() == 0) return bad_input("the model has no subgraph");
    const std::vector<std::pair<std::string, unsigned>> names = graph_names();
    constexpr std::size_t k_most_listed = 20;
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), k_most_listed); ++i)
      list += fmt::format("{}'{}'", i == 0 ? "" : ", ", short_name(names[i].first));
    if (m_params.signature.empty()) {
      m_graph = graphs->Get(0);
      const auto first = std::ranges::find(names, 0U, &std::pair<std::string, unsigned>::second);
      if (graphs->size() > 1)
        m_model.warnings.push_back(
            fmt::format("{} graphs, with the signatures {}; '{}' is run, and 'signature' "
                        "names another",
                        graphs->size(), list.empty() ? "''" : list,
                        first == names.end() ? "" : short_name(first->first)));
      return {};
    }
    const auto chosen =
        std::ranges::find(names, m_params.signature, &std::pair<std::string, unsigned>::first);
    if (chosen == names.end())
      return bad_input("no signature '{}'; the model has {}", m_params.signature,
                       list.empty() ? "none" : list);
    if (chosen->second >= graphs->size())
      return bad_input("signature '{}': graph {} is out of range", m_params.signature, chosen->second);
    m_graph = graphs->Get(chosen->second);
    return {};
  }

  // What the file calls its graphs: signatures, or the graphs' own names where there are none.
  std::vector<std::pair<std::string, unsigned>> graph_names() const {
    std::vector<std::pair<std::string, unsigned>> names;
    constexpr unsigned k_most = 1000;
    const auto* signatures = m_file->signature_defs();
    for (unsigned i = 0; signatures != nullptr && i < std::min(signatures->size(), k_most); ++i)
      if (const auto* key = signatures->Get(i)->signature_key())
        names.emplace_back(key->str(), signatures->Get(i)->subgraph_index());
    if (!names.empty()) return names;
    for (unsigned i = 0; i < std::min(m_file->subgraphs()->size(), k_most); ++i)
      if (const auto* name = m_file->subgraphs()->Get(i)->name()) names.emplace_back(name->str(), i);
    return names;
  }

  enum class Role : std::uint8_t { neither, model_input, computed };

  // What the graph does with each tensor; indices out of range are found later.
  void find_roles() {
    const auto* tensors = m_graph->tensors();
    m_roles.assign(tensors == nullptr ? 0 : tensors->size(), Role::neither);
    const auto mark = [&](const flatbuffers::Vector<int>* list, Role role) {
      if (list == nullptr) return;
      for (const int index : *list)
        if (index >= 0 && static_cast<std::size_t>(index) < m_roles.size())
          m_roles[static_cast<std::size_t>(index)] = role;
    };
    for (const auto* op : *m_graph->operators()) mark(op->outputs(), Role::computed);
    mark(m_graph->inputs(), Role::model_input);
  }

  Result<fb::BuiltinOperator> operator_code(const fb::Operator& op) const {
    const auto* codes = m_file->operator_codes();
    if (codes == nullptr || op.opcode_index() >= codes->size() || codes->Get(op.opcode_index()) == nullptr)
      return bad_input("operator code {} is out of range", op.opcode_index());
    const auto* code = codes->Get(op.opcode_index());
    // Old files set only the one-byte field; new ones set both, or the larger one alone.
    return std::max(static_cast<fb::BuiltinOperator>(code->deprecated_builtin_code()), code->builtin_code());
  }

  // Before anything else, so that the user sees at once all that is missing.
  Result<void> check_operators_are_known() const {
    if (m_graph->operators() == nullptr || m_graph->operators()->size() == 0)
      return bad_input("the model has no operators");
    std::string first;
    std::set<unsigned> missing_codes;
    std::set<std::string> missing;
    for (unsigned i = 0; i < m_graph->operators()->size(); ++i) {
      const auto* op = m_graph->operators()->Get(i);
      QFI_TRY(const fb::BuiltinOperator code, operator_code(*op));
      if (find_operator(code) != nullptr || !missing_codes.insert(op->opcode_index()).second) continue;
      const auto* custom = m_file->operator_codes()->Get(op->opcode_index())->custom_code();
      const std::string name =
          operator_name(code, custom == nullptr ? "" : short_name(custom->string_view()));
      if (missing.empty()) first = fmt::format("{} (operator {}){}", name, i, output_names(*op));
      missing.insert(name);
    }
    if (missing.empty()) return {};
    std::string list;
    for (const std::string& name : missing) {
      list += (list.empty() ? "" : ", ") + name;
      constexpr std::size_t k_most_text = 4000;
      if (list.size() > k_most_text) {
        list += ", ..";
        break;
      }
    }
    return bad_input("{} is not supported; the model needs these operators that qfi lacks: {}", first, list);
  }

  std::string output_names(const fb::Operator& op) const {
    const auto* tensors = m_graph->tensors();
    if (op.outputs() == nullptr || op.outputs()->size() == 0 || tensors == nullptr) return "";
    const int index = op.outputs()->Get(0);
    if (index < 0 || static_cast<unsigned>(index) >= tensors->size() ||
        tensors->Get(static_cast<unsigned>(index))->name() == nullptr)
      return "";
    return " -> '" + short_name(tensors->Get(static_cast<unsigned>(index))->name()->string_view()) + "'";
  }

  // Many tensors may point at one table in the file: what is copied must not outgrow the file.
  Result<void> count_copied(std::uint64_t bytes) {
    m_copied_bytes += bytes;
    if (m_copied_bytes > 16 * m_model.file->size() + (1 << 20))
      return bad_input("tensors and operators describe more than the file can hold");
    return {};
  }

  static std::uint64_t bytes_of_copy(const fb::Tensor& source) {
    const auto* quantization = source.quantization();
    const bool has_scales = quantization != nullptr && quantization->scale() != nullptr;
    return sizeof(Tensor) + (source.name() == nullptr ? 0 : source.name()->size()) +
           (source.shape() == nullptr ? 0 : source.shape()->size() * 4) +
           (has_scales ? 8 * quantization->scale()->size() : 0);
  }

  static std::uint64_t bytes_of_copy(const fb::Operator& source) {
    return sizeof(Operator) + 4 * (source.inputs() == nullptr ? 0 : source.inputs()->size()) +
           4 * (source.outputs() == nullptr ? 0 : source.outputs()->size());
  }

  // The first operator that reads or writes a tensor, for errors about the tensor.
  std::string user_of(unsigned tensor) const {
    for (unsigned i = 0; i < m_graph->operators()->size(); ++i) {
      const auto& op = *m_graph->operators()->Get(i);
      const auto names = [&](const flatbuffers::Vector<int>* list) {
        return list != nullptr &&
               std::find(list->begin(), list->end(), static_cast<int>(tensor)) != list->end();
      };
      if (!names(op.inputs()) && !names(op.outputs())) continue;
      return fmt::format("{} (operator {}){}: ", name_of(find_operator(*operator_code(op))->kind), i,
                         output_names(op));
    }
    return "";
  }

  Result<void> read_tensors() {
    if (m_graph->tensors() == nullptr) return bad_input("the model has no tensors");
    for (unsigned i = 0; i < m_graph->tensors()->size(); ++i) {
      QFI_CHECK(count_copied(bytes_of_copy(*m_graph->tensors()->Get(i))));
      auto tensor = read_tensor(*m_graph->tensors()->Get(i), m_roles[i]);
      if (!tensor) {
        const auto* name = m_graph->tensors()->Get(i)->name();
        return at(fmt::format("{}tensor {} '{}'", user_of(i), i,
                              name == nullptr ? "" : short_name(name->string_view())),
                  tensor.error());
      }
      m_model.tensors.push_back(std::move(*tensor));
    }
    return {};
  }

  Result<Tensor> read_tensor(const fb::Tensor& source, Role role) {
    Tensor tensor;
    tensor.name = source.name() == nullptr ? "" : source.name()->str();
    QFI_TRY(tensor.type, read_tensor_type(source.type()));
    if (source.sparsity() != nullptr) return bad_input("sparse tensors are not supported");
    tensor.is_variable = source.is_variable();
    QFI_CHECK(read_shape(source, role, tensor));
    QFI_CHECK(read_data(source, role, tensor));
    QFI_CHECK(read_quantization(source, tensor));
    return tensor;
  }

  // A dimension that the file does not say is 1 in what operators compute, until they are prepared.
  Result<void> read_shape(const fb::Tensor& source, Role role, Tensor& tensor) const {
    std::uint64_t bytes = size_of(tensor.type);
    const auto* signature = source.shape_signature();
    tensor.is_dynamic = signature != nullptr &&
                        std::any_of(signature->begin(), signature->end(), [](int d) { return d < 0; });
    if (source.shape() == nullptr) return {};
    if (source.shape()->size() > k_max_dimensions)
      return bad_input("{} dimensions, at most {} are supported", source.shape()->size(), k_max_dimensions);
    for (int dimension : *source.shape()) {
      const bool is_unknown = role == Role::computed && dimension < 1;
      if (is_unknown) {
        tensor.is_dynamic = true;
        dimension = 1;
      }
      if (dimension < 0 || (dimension == 0 && role != Role::neither))
        return bad_input("dimension {} in the shape", dimension);
      bytes *= static_cast<std::uint64_t>(dimension);
      if (bytes > m_params.max_file_bytes)
        return bad_input("the shape needs more than {} bytes", m_params.max_file_bytes);
      tensor.shape.push_back(dimension);
    }
    return {};
  }

  // Where a buffer's content lies: in the flatbuffer, or behind it in the file.
  Result<std::span<const std::byte>> content_of(const fb::Buffer& buffer) const {
    if (buffer.offset() <= 1 && buffer.size() <= 1) {
      if (buffer.data() == nullptr) return std::span<const std::byte>();
      return std::as_bytes(std::span(buffer.data()->data(), buffer.data()->size()));
    }
    const std::span<const std::byte> file = bytes_of(*m_model.file);
    if (buffer.offset() > file.size() || buffer.size() > file.size() - buffer.offset())
      return bad_input("data of {} bytes at place {} of the file, which has {}", buffer.size(),
                       buffer.offset(), file.size());
    return file.subspan(buffer.offset(), buffer.size());
  }

  // Kernels read whole numbers: what does not lie at a multiple of their size is copied.
  Result<std::span<const std::byte>> aligned(std::span<const std::byte> content, std::size_t element_bytes) {
    if (reinterpret_cast<std::uintptr_t>(content.data()) % element_bytes == 0) return content;
    // Tensors of one buffer stay in one memory.
    const auto [known, is_new] = m_copies.try_emplace({content.data(), content.size()});
    if (is_new) {
      QFI_CHECK(count_copied(content.size()));
      known->second = std::make_shared<const std::vector<std::byte>>(content.begin(), content.end());
      m_model.folded.push_back(known->second);
    }
    return std::span<const std::byte>(*known->second);
  }

  Result<void> read_data(const fb::Tensor& source, Role role, Tensor& tensor) {
    const auto* buffers = m_file->buffers();
    if (buffers == nullptr || source.buffer() >= buffers->size() || buffers->Get(source.buffer()) == nullptr)
      return bad_input("buffer {} is out of range", source.buffer());
    QFI_TRY(const auto content, content_of(*buffers->Get(source.buffer())));
    if (content.empty()) {
      tensor.is_constant = role == Role::neither && tensor.elements() == 0;
      if (tensor.bytes() > m_params.max_tensor_bytes)
        return bad_input("{} bytes, more than the limit of {} for an activation, which --model-memory sets",
                         tensor.bytes(), m_params.max_tensor_bytes);
      return {};
    }
    if (content.size() != tensor.bytes())
      return bad_input("{} bytes of data where the shape needs {}", content.size(), tensor.bytes());
    tensor.is_constant = true;
    QFI_TRY(tensor.data, aligned(content, size_of(tensor.type)));
    return {};
  }

  Result<void> read_quantization(const fb::Tensor& source, Tensor& tensor) {
    const auto* quantization = source.quantization();
    if (quantization == nullptr || quantization->scale() == nullptr || quantization->scale()->size() == 0)
      return {};
    if (quantization->details_type() != 0) return bad_input("custom quantization is not supported");
    const auto count = quantization->scale()->size();
    for (const float scale : *quantization->scale()) {
      const bool is_zero_channel = scale == 0.0F && tensor.is_constant;
      if (!std::isfinite(scale) || (scale <= 0.0F && !is_zero_channel))
        return bad_input("scale {} is not a positive number", scale);
      tensor.quantization.scales.push_back(scale);
    }
    const auto* zeros = quantization->zero_point();
    const auto zero_count = zeros == nullptr ? 0 : zeros->size();
    if (zero_count > 1 && zero_count != count)
      return bad_input("{} zero points for {} scales", zero_count, count);
    for (unsigned i = 0; i < count; ++i) {
      // By bytes: the verifier does not check that a vector of 64-bit numbers is aligned.
      std::int64_t zero = 0;
      if (zero_count > 0)
        std::memcpy(&zero, zeros->Data() + sizeof(zero) * (zero_count == 1 ? 0 : i), sizeof(zero));
      if (!fits(tensor.type, zero))
        return bad_input("zero point {} does not fit the type {}", zero, name_of(tensor.type));
      tensor.quantization.zero_points.push_back(static_cast<std::int32_t>(zero));
    }
    if (count == 1) return {};
    return set_axis(tensor, quantization->quantized_dimension(), static_cast<int>(count));
  }

  Result<void> set_axis(Tensor& tensor, int axis, int count) {
    const auto dimensions = static_cast<int>(tensor.shape.size());
    if (axis >= 0 && axis < dimensions && tensor.shape[static_cast<std::size_t>(axis)] == count) {
      tensor.quantization.axis = axis;
      return {};
    }
    if (dimensions == 1 && tensor.shape[0] == count) {
      m_model.warnings.push_back(
          fmt::format("tensor '{}': quantized_dimension {} of a 1-D tensor, read as 0", tensor.name, axis));
      return {};
    }
    return bad_input("{} scales do not match dimension {} of the shape", count, axis);
  }

  Result<void> read_list(const flatbuffers::Vector<int>* list, const std::string& what, bool optional,
                         std::vector<int>& indices) const {
    if (list == nullptr) return {};
    for (const int index : *list) {
      const bool is_absent = optional && index == k_no_tensor;
      if (!is_absent && (index < 0 || static_cast<std::size_t>(index) >= m_model.tensors.size()))
        return bad_input("{}: tensor {} is out of range", what, index);
      indices.push_back(index);
    }
    return {};
  }

  Result<void> read_operators() {
    for (unsigned i = 0; i < m_graph->operators()->size(); ++i) {
      const auto& source = *m_graph->operators()->Get(i);
      QFI_CHECK(count_copied(bytes_of_copy(source)));
      QFI_TRY(const fb::BuiltinOperator code, operator_code(source));
      const OperatorInfo& known = *find_operator(code);
      m_model.operators.push_back({known.kind, {}, {}, {}});
      if (auto read = read_operator(source, known, m_model.operators.back()); !read)
        return at(fmt::format("{} (operator {}){}", name_of(known.kind), i, output_names(source)),
                  read.error());
      warn_about(m_model.operators.back(), i);
    }
    return {};
  }

  void warn_about(const Operator& op, unsigned index) {
    if (op.inputs.empty() || op.inputs[0] == k_no_tensor || op.outputs.empty()) return;
    const Tensor& input = m_model.tensors[static_cast<std::size_t>(op.inputs[0])];
    const Tensor& output = m_model.tensors[static_cast<std::size_t>(op.outputs[0])];
    if (op.kind == OperatorKind::sum && input.type == TensorType::int8)
      m_model.warnings.push_back(fmt::format(
          "SUM (operator {}) takes INT8 values for UINT8, as the runtime's reference kernel does", index));
    const auto is_nonzero = [](std::int32_t zero_point) { return zero_point != 0; };
    if (op.kind == OperatorKind::neg && (input.quantization.scales != output.quantization.scales ||
                                         std::ranges::any_of(input.quantization.zero_points, is_nonzero) ||
                                         std::ranges::any_of(output.quantization.zero_points, is_nonzero)))
      m_model.warnings.push_back(fmt::format(
          "NEG (operator {}) negates stored values, whatever their zero points and scales, as the runtime's "
          "reference kernel does",
          index));
  }

  Result<void> read_operator(const fb::Operator& source, const OperatorInfo& known, Operator& op) {
    QFI_CHECK(read_list(source.inputs(), "input", true, op.inputs));
    QFI_CHECK(read_list(source.outputs(), "output", false, op.outputs));
    if (known.read_options == nullptr) return {};
    QFI_TRY(op.options, known.read_options(source, *m_verifier));
    if (auto* options = std::get_if<LstmOptions>(&op.options)) return take_states(source, op, *options);
    return {};
  }

  // The states of an LSTM become part of its options.
  Result<void> take_states(const fb::Operator& source, Operator& op, LstmOptions& options) const {
    constexpr std::size_t k_output_state = 18;
    constexpr std::size_t k_cell_state = 19;
    constexpr std::size_t k_hidden = 4;  // of the intermediate tensors
    for (const auto& [input, quantization] :
         {std::pair(k_output_state, &options.output_state), std::pair(k_cell_state, &options.cell_state)}) {
      if (input >= op.inputs.size() || op.inputs[input] == k_no_tensor)
        return bad_input("the state that is input {} is missing", input);
      const Tensor& state = tensor_at(op.inputs[input]);
      if (!state.is_variable) return bad_input("the state '{}' is not a variable tensor", state.name);
      *quantization = state.quantization;
      op.inputs[input] = k_no_tensor;
    }
    std::vector<int> intermediates;
    QFI_CHECK(read_list(source.intermediates(), "intermediate tensor", false, intermediates));
    if (intermediates.size() > k_hidden) options.hidden = tensor_at(intermediates[k_hidden]).quantization;
    return {};
  }

  const Tensor& tensor_at(int index) const { return m_model.tensors[static_cast<std::size_t>(index)]; }

  Result<void> check_data_flow() const {
    std::vector<bool> is_known(m_model.tensors.size(), false);
    for (std::size_t i = 0; i < m_model.tensors.size(); ++i) is_known[i] = m_model.tensors[i].is_constant;
    for (const int input : m_model.inputs) {
      if (is_known[static_cast<std::size_t>(input)])
        return bad_input("model input {} is a constant or named twice", input);
      is_known[static_cast<std::size_t>(input)] = true;
    }
    for (std::size_t i = 0; i < m_model.operators.size(); ++i) {
      for (const int input : m_model.operators[i].inputs)
        if (input != k_no_tensor && tensor_at(input).is_variable)
          return bad_input("{} reads the variable tensor '{}', which is not supported",
                           operator_label(m_model, i), tensor_at(input).name);
        else if (input != k_no_tensor && !is_known[static_cast<std::size_t>(input)])
          return bad_input("{} reads tensor {} before anything writes it", operator_label(m_model, i), input);
      for (const int output : m_model.operators[i].outputs) {
        if (is_known[static_cast<std::size_t>(output)])
          return bad_input("{} writes tensor {}, which has a value already", operator_label(m_model, i),
                           output);
        is_known[static_cast<std::size_t>(output)] = true;
      }
    }
    for (const int output : m_model.outputs)
      if (m_model.tensors[static_cast<std::size_t>(output)].is_constant)
        return bad_input("model output {} is a constant", output);
    for (const int output : m_model.outputs)
      if (!is_known[static_cast<std::size_t>(output)])
        return bad_input("nothing writes model output {}", output);
    return {};
  }

  LoadParams m_params;
  Model m_model;
  std::optional<flatbuffers::Verifier> m_verifier;
  const fb::Model* m_file = nullptr;
  const fb::SubGraph* m_graph = nullptr;
  std::vector<Role> m_roles;  ///< of each tensor
  std::uint64_t m_copied_bytes = 0;
  std::map<std::pair<const std::byte*, std::size_t>, std::shared_ptr<const std::vector<std::byte>>> m_copies;
};

}  // namespace

Result<Model> parse_tflite(std::string content, const std::string& name, const LoadParams& params) {
  auto model = Loader(std::make_shared<const std::string>(std::move(content)), params).load();
  if (!model) return at(name, model.error());
  return model;
}

Result<Model> load_tflite(const std::filesystem::path& path, const LoadParams& params) {
  QFI_TRY(std::string content, read_file(path, params.max_file_bytes));
  return parse_tflite(std::move(content), path.string(), params);
}

}  // namespace qfi
