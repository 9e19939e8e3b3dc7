// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/table_set.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "qfi/arith/fixed_point.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most_file_bytes = std::uint64_t{1} << 24;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class T>
Result<std::vector<std::int32_t>> numbers_of(const std::string& file, const std::string& bytes) {
  std::vector<std::int32_t> numbers;
  for (std::size_t i = 0; i < k_code_pairs; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    if (!std::in_range<std::int32_t>(value))
      return bad_input("{}: entry {} is {}, which does not fit an int32", file, i, value);
    numbers.push_back(static_cast<std::int32_t>(value));
  }
  return numbers;
}

// An .npy array of integers, or 65,536 little-endian int32 and nothing else.
Result<std::vector<std::int32_t>> read_products(const std::filesystem::path& path,
                                                const std::string& content) {
  const std::string file = path.string();
  if (!content.starts_with("\x93NUMPY")) {
    if (content.size() != k_code_pairs * sizeof(std::int32_t))
      return bad_input("{}: neither an .npy file nor 65,536 int32 numbers ({} bytes)", file, content.size());
    return numbers_of<std::int32_t>(file, content);
  }
  QFI_TRY(const NpyArray array, read_npy(path));
  if (array.shape != std::vector<std::uint64_t>{256, 256})
    return bad_input("{}: a product table has the shape (256, 256)", file);
  if (array.type == "i4") return numbers_of<std::int32_t>(file, array.data);
  if (array.type == "i2") return numbers_of<std::int16_t>(file, array.data);
  if (array.type == "u2") return numbers_of<std::uint16_t>(file, array.data);
  if (array.type == "u4") return numbers_of<std::uint32_t>(file, array.data);
  if (array.type == "i8") return numbers_of<std::int64_t>(file, array.data);
  return bad_input("{}: elements of the type '{}'; a product table holds i4, i8, i2, u2 or u4", file,
                   array.type);
}

}  // namespace

TableSet::TableSet(const Workload& workload, const FaultsConfig& faults)
    : FaultSet(workload, faults, Design::crossed, 0) {}
TableSet::~TableSet() = default;

// By what the file's order says.
std::int32_t TableSet::product(int weight_code, int input_code) const {
  const auto index = [&](int code) {
    return table_config().order == TableOrder::rising ? static_cast<std::size_t>(code - smallest_code(m_type))
                                                      : byte_index(code);
  };
  const std::size_t w = index(weight_code);
  const std::size_t x = index(input_code);
  return table_config().rows == Rs1::weight ? m_products[w * 256 + x] : m_products[x * 256 + w];
}

Result<std::unique_ptr<TableSet>> TableSet::make(const Workload& workload, const CampaignConfig& config,
                                                 const FaultsConfig& faults, unsigned threads) {
  auto set = std::unique_ptr<TableSet>(new TableSet(workload, faults));
  const TableConfig& table = set->table_config();
  QFI_TRY(const std::string content, read_file(table.file.path, k_most_file_bytes));
  QFI_TRY(set->m_products, read_products(table.file.path, content));
  set->m_sha256 = sha256_hex(bytes_of(content));
  const Program& program = *workload.program;
  QFI_TRY(set->m_operators, choose_operators(program, table.operators, table.layers));
  set->m_type = program.operand_codes(set->m_operators.front()).type;
  std::map<OperandCodes, std::size_t> table_of_codes;
  for (const std::size_t index : set->m_operators) {
    const OperandCodes codes = program.operand_codes(index);
    if (codes.type != set->m_type)
      return bad_input("operators of INT8 and of UINT8: one table is of codes of one type; choose layers");
    table_of_codes.try_emplace(codes, table_of_codes.size());
  }
  set->m_tables.resize(table_of_codes.size());
  const int first = smallest_code(set->m_type);
  for (const auto& [codes, number] : table_of_codes)
    for (int w = first; w < first + 256; ++w)
      for (int x = first; x < first + 256; ++x)
        // What the zero points add is exact and outside of the unit.
        set->m_tables[number].at(byte_index(w), byte_index(x)) = wrapping_add(
            set->product(w, x), (w - codes.weight_zero_point) * (x - codes.input_zero_point) - w * x);
  set->m_units.of_operator.resize(program.model().operators.size());
  for (const std::size_t index : set->m_operators) {
    const ProductTable& products = set->m_tables[table_of_codes.at(program.operand_codes(index))];
    set->m_units.of_operator[index] = TabulatedUnit{&products, table.padding, nullptr};
  }
  program.prepare_tables(set->m_units);

  set->add_stratum("table", 1);
  QFI_CHECK(set->count_golden(config.input, threads));
  return set;
}

Result<void> TableSet::count_golden(const InputScaling& input, unsigned threads) {
  QFI_TRY(m_runner, UnitRunner::make(m_workload, input, m_operators, table_config().padding, threads));
  std::vector<std::uint64_t> pairs(k_code_pairs, 0);
  for (const PairCounter& counter : m_runner->golden_pairs()) counter.add_to(pairs);
  m_runner->forget_golden_pairs();
  measure_errors(pairs);
  return {};
}

void TableSet::measure_errors(std::span<const std::uint64_t> golden_pairs) {
  const int first = smallest_code(m_type);
  double distances = 0, errors = 0, relative = 0, golden_distances = 0;
  std::uint64_t nonzero = 0;
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x) {
      const std::int64_t error = std::int64_t{product(w, x)} - w * x;
      const auto distance = static_cast<std::uint64_t>(std::abs(error));
      const std::uint64_t used = golden_pairs[byte_index(w) * 256 + byte_index(x)];
      m_errors.wrong += error != 0 ? 1 : 0;
      m_errors.worst = std::max(m_errors.worst, distance);
      m_errors.golden_products += used;
      m_errors.golden_wrong += error != 0 ? used : 0;
      errors += static_cast<double>(error);
      distances += static_cast<double>(distance);
      golden_distances += static_cast<double>(distance) * static_cast<double>(used);
      if (w * x == 0) continue;
      ++nonzero;
      relative += static_cast<double>(distance) / std::abs(w * x);
    }
  m_errors.mean_error = errors / static_cast<double>(k_code_pairs);
  m_errors.mean_distance = distances / static_cast<double>(k_code_pairs);
  m_errors.mean_relative = relative / static_cast<double>(nonzero);
  m_errors.golden_mean_distance =
      golden_distances / static_cast<double>(std::max<std::uint64_t>(m_errors.golden_products, 1));
}

Result<void> TableSet::draw(const std::vector<std::uint64_t>&, unsigned) {
  m_stratum_of.resize(1, 0);
  m_strata.front().drawn = 1;
  return {};
}

FaultSet::Images TableSet::images_of(std::uint64_t, std::uint64_t block) const {
  return {m_runner->blocks()[block].first, m_runner->blocks()[block].count};
}

Result<void> TableSet::prove() {
  if (m_runner->agrees_with_tables(m_units, &m_units, 1, *m_runner->make_device())) return {};
  return failed("internal error: the fast kernels differ from plain look-ups in the table");
}

std::vector<std::span<const TrialPlace>> TableSet::jobs(std::span<const TrialPlace> places, unsigned) const {
  std::vector<std::span<const TrialPlace>> single;
  for (std::size_t i = 0; i < places.size(); ++i) single.push_back(places.subspan(i, 1));
  return single;
}

void TableSet::take(std::uint64_t fault, std::uint64_t block, const Trial& trial) {
  m_counts += trial.outcome.counts;
  for (std::size_t i = 0; i < trial.events.size(); ++i)
    add_image(fault, m_runner->blocks()[block].first + i, trial.events[i]);
}

class TableSet::Trials final : public FaultSet::Executor {
 public:
  explicit Trials(const TableSet& set) : m_set(set), m_device(set.m_runner->make_device()) {}

  Result<void> run(std::span<const TrialPlace> job, const Emit& emit) override {
    for (const TrialPlace& place : job)
      if (!emit(place,
                m_set.m_runner->score(m_set.m_runner->blocks()[place.block], m_set.m_units, *m_device)))
        return {};
    return {};
  }

 private:
  const TableSet& m_set;
  std::unique_ptr<Device> m_device;
};

std::unique_ptr<FaultSet::Executor> TableSet::make_executor(std::size_t) {
  return std::make_unique<Trials>(*this);
}

Result<double> TableSet::expected_seconds_per_fault() {
  const std::unique_ptr<Device> device = m_runner->make_device();
  const ImageBlock& block = m_runner->blocks().front();
  const auto start = std::chrono::steady_clock::now();
  m_runner->score(block, m_units, *device);
  return seconds_since(start) * static_cast<double>(m_workload.images()) / static_cast<double>(block.count);
}

}  // namespace qfi
