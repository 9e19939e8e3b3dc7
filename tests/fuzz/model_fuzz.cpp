// SPDX-License-Identifier: Apache-2.0
// Models: load, prepare, run. Integer networks give the same with every kernel set. Half of the mutations
// change fields of a valid file: indices, shapes, scales, zero points, sizes, options.
#include <flatbuffers/flatbuffers.h>

#include <cstring>
#include <random>

#include "fuzz.hpp"
#include "qfi/engine/inventory.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/report/inspect.hpp"
#include "tflite_subset_generated.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace qfi::fuzz {
namespace {

constexpr std::uint64_t k_most_work =
    3'000'000;  // multiplications or elements, so that a run takes milliseconds

std::uint64_t work_of(const Program& program) {
  std::uint64_t work = 0;
  for (std::size_t i = 0; i < program.model().operators.size(); ++i) work += program.multiplications(i);
  for (const Tensor& tensor : program.model().tensors) work += tensor.elements();
  return work;
}

bool is_integer(const Model& model) {
  for (const Tensor& tensor : model.tensors)
    if (tensor.type == TensorType::float32) return false;
  return true;
}

std::string outputs_with(KernelSet kernels, const Model& model) {
  ProgramParams params;
  params.kernels = kernels;
  params.max_bytes_per_image = params.max_prepared_bytes = std::size_t{32} << 20;
  const auto program = Program::prepare(model, params);
  if (!program || work_of(*program) > k_most_work) return {};
  Batch batch(*program, 1);
  std::minstd_rand random(1);
  for (const int input : program->model().inputs)
    for (std::byte& byte : batch.tensor(input)) byte = static_cast<std::byte>(random() >> 8U);
  program->run(batch, 0, program->model().operators.size());
  std::string bytes;
  for (const int output : program->model().outputs) {
    if (!is_computed(program->model(), output)) continue;
    const auto tensor = std::as_const(batch).tensor(output);
    bytes.append(reinterpret_cast<const char*>(tensor.data()), tensor.size());
  }
  return bytes;
}

using Places = std::vector<std::pair<std::uint8_t*, std::size_t>>;

template <class T>
void add_all(const flatbuffers::Vector<T>* vector, Places& places) {
  if (vector == nullptr) return;
  for (flatbuffers::uoffset_t i = 0; i < vector->size(); ++i)
    places.emplace_back(const_cast<std::uint8_t*>(vector->Data()) + i * sizeof(T), sizeof(T));
}

// Every field that a table holds in itself: numbers, and offsets of what it refers to.
void add_fields(const void* any_table, Places& places) {
  if (any_table == nullptr) return;
  const auto* table = static_cast<const std::uint8_t*>(any_table);
  const auto* vtable = table - flatbuffers::ReadScalar<flatbuffers::soffset_t>(table);
  const auto entries =
      flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable) / sizeof(flatbuffers::voffset_t);
  const auto table_size =
      flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable + sizeof(flatbuffers::voffset_t));
  for (std::size_t i = 2; i < entries; ++i) {
    const auto offset =
        flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable + i * sizeof(flatbuffers::voffset_t));
    if (offset != 0 && offset < table_size)
      places.emplace_back(const_cast<std::uint8_t*>(table) + offset,
                          std::min<std::size_t>(4, table_size - offset));
  }
}

Places fields_of(const tflite::Model& model) {
  Places places;
  if (model.operator_codes() != nullptr)
    for (const auto* code : *model.operator_codes()) add_fields(code, places);
  if (model.buffers() != nullptr)
    for (const auto* buffer : *model.buffers()) {
      add_fields(buffer, places);
      if (buffer->data() != nullptr)  // its length
        places.emplace_back(const_cast<std::uint8_t*>(buffer->data()->Data()) - 4, 4);
    }
  if (model.subgraphs() == nullptr) return places;
  for (const auto* graph : *model.subgraphs()) {
    add_all(graph->inputs(), places);
    add_all(graph->outputs(), places);
    if (graph->tensors() != nullptr)
      for (const auto* tensor : *graph->tensors()) {
        add_fields(tensor, places);
        add_all(tensor->shape(), places);
        if (tensor->quantization() == nullptr) continue;
        add_fields(tensor->quantization(), places);
        add_all(tensor->quantization()->scale(), places);
        add_all(tensor->quantization()->zero_point(), places);
      }
    if (graph->operators() != nullptr)
      for (const auto* op : *graph->operators()) {
        add_fields(op, places);
        add_all(op->inputs(), places);
        add_all(op->outputs(), places);
        add_fields(op->options(), places);
      }
  }
  return places;
}

void change(const std::pair<std::uint8_t*, std::size_t>& place, std::minstd_rand& random) {
  constexpr std::int64_t k_odd[] = {
      0, 1, 2, -1, 3, 4, 5, 7, 8, 127, 128, 255, 1 << 16, (1LL << 31) - 1, -(1LL << 31)};
  std::int64_t value = 0;
  std::memcpy(&value, place.first, place.second);
  switch (random() % 4) {
    case 0: value = k_odd[random() % std::size(k_odd)]; break;
    case 1: value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) + random() % 5 - 2); break;
    case 2: value ^= static_cast<std::int64_t>(std::uint64_t{1} << (random() % (8 * place.second))); break;
    default: value = static_cast<std::int64_t>(std::uint64_t{random()} << (random() % 33)); break;
  }
  std::memcpy(place.first, &value, place.second);
}

}  // namespace

void run(std::string_view input) {
  LoadParams load;
  load.max_tensor_bytes = 1 << 20;
  const auto model = parse_tflite(std::string(input), "fuzz", load);
  if (!model) return;
  const std::string expected = outputs_with(KernelSet::reference, *model);
  for (const KernelSet kernels : {KernelSet::portable, KernelSet::fast}) {
    const std::string got = outputs_with(kernels, *model);
    require(!is_integer(*model) || got == expected, "all kernel sets agree");
  }
}

}  // namespace qfi::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::minstd_rand random(seed + 1);
  flatbuffers::Verifier verifier(data, size);
  if (random() % 2 == 0 || !verifier.VerifyBuffer<qfi::tflite::Model>("TFL3"))
    return LLVMFuzzerMutate(data, size, max_size);
  const auto places = qfi::fuzz::fields_of(*qfi::tflite::GetModel(data));
  for (unsigned i = 0; i < 1 + random() % 3 && !places.empty(); ++i)
    qfi::fuzz::change(places[random() % places.size()], random);
  return size;
}
