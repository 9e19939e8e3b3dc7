// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <vector>

#include "tile_machine.hpp"

namespace qfi::tiles {
namespace {

constexpr int k_tile_columns = 32;

// One tile of a product job, step by step as a GPU's threads do it together.
class ProductTile {
 public:
  ProductTile(const ProductJob& job, int first_row, int first_column)
      : m_job(job), m_first_row(first_row), m_first_column(first_column) {
    for (int r = 0; r < rows(); ++r) m_rows.push_back(row_place(job, first_row + r));
  }

  void run() {
    for (int t = 0; t < m_job.terms; ++t) {
      for (auto& row : m_sums)
        for (std::int32_t& sum : row) sum = scaled_sum(sum, m_job.term[t].scale);
      for (int step = 0; step < m_job.steps; ++step) {
        load(m_job.term[t], step);
        multiply();
      }
    }
    store();
  }

 private:
  int rows() const { return std::min(k_tile_rows, m_job.rows - m_first_row); }
  int columns() const { return std::min(k_tile_columns, m_job.out_c - m_first_column); }

  void load(const ProductJob::Term& term, int step) {
    m_inputs = {};
    m_weights = {};
    for (int k = 0; k < k_step_chunks; ++k) {
      const int chunk = step * k_step_chunks + k;
      for (int r = 0; r < rows() && chunk < m_job.chunks; ++r) {
        const ChunkPlace& place = m_job.places[chunk];
        const RowPlace& row = m_rows[static_cast<std::size_t>(r)];
        if (has_chunk(m_job, row, place))
          std::memcpy(&m_inputs[static_cast<std::size_t>(r)][static_cast<std::size_t>(k * k_chunk)],
                      term.input + row.base + place.offset, k_chunk);
      }
    }
    const std::int64_t row_bytes = std::int64_t{m_job.steps} * k_step;
    for (int c = 0; c < columns(); ++c)
      std::memcpy(m_weights[static_cast<std::size_t>(c)].data(),
                  term.weights + (m_first_column + c) * row_bytes + std::int64_t{step} * k_step, k_step);
  }

  void multiply() {
    for (std::size_t r = 0; r < m_sums.size(); ++r)
      for (std::size_t c = 0; c < m_sums[r].size(); ++c)
        for (std::size_t k = 0; k < k_step; ++k)
          m_sums[r][c] =
              wrapping_add(m_sums[r][c], code_of(m_inputs[r][k], m_job.is_signed) * m_weights[c][k]);
  }

  void store() const {
    for (int r = 0; r < rows(); ++r)
      for (int c = 0; c < columns(); ++c) {
        const int out = m_first_column + c;
        const std::int32_t products =
            scaled_sum(m_sums[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)], m_job.last_scale);
        const std::int32_t sum = wrapping_add(wrapping_add(products, counted_at(m_job, m_first_row + r, out)),
                                              m_job.bias[m_rows[static_cast<std::size_t>(r)].bias + out]);
        m_job.output[std::int64_t{m_first_row + r} * m_job.out_c + out] =
            finish_output(m_job.finish, sum, out);
      }
  }

  const ProductJob& m_job;
  int m_first_row;
  int m_first_column;
  std::vector<RowPlace> m_rows;
  std::array<std::array<std::uint8_t, k_step>, k_tile_rows> m_inputs{};
  std::array<std::array<std::int8_t, k_step>, k_tile_columns> m_weights{};
  std::array<std::array<std::int32_t, k_tile_columns>, k_tile_rows> m_sums{};
};

class HostMachine final : public TileMachine {
 public:
  std::string name() const override { return "tile programs on the CPU"; }
  std::unique_ptr<TileMachine> another() const override { return std::make_unique<HostMachine>(); }
  std::size_t free_bytes() const override { return std::size_t{1} << 30; }
  // Filled, so that what nobody wrote is seen.
  std::byte* allocate(std::size_t bytes) override {
    auto* const memory = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64}));
    std::fill_n(memory, bytes, std::byte{0xA5});
    return memory;
  }
  void release(std::byte* memory) noexcept override { ::operator delete (memory, std::align_val_t{64}); }
  void upload(std::byte* to, const void* from, std::size_t bytes) override { move(to, from, bytes); }
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override { move(to, from, bytes); }
  void download(void* to, const std::byte* from, std::size_t bytes) override { move(to, from, bytes); }

  void run(const CopyJob& job) override {
    for (std::int64_t row = 0; row < job.rows; ++row)
      for (int first = 0; first < job.pitch; first += k_chunk) {
        const Chunk chunk = read_chunk(job, row, first);
        for (int copy = 0; copy < job.copies; copy += 4) {
          std::uint32_t mapped[4][4];
          map_chunk(chunk, job.maps + copy * 64, mapped);
          for (int k = 0; k < std::min(4, job.copies - copy); ++k)
            std::memcpy(job.to + (copy + k) * job.copy_bytes + row * job.pitch + first, mapped[k], k_chunk);
        }
      }
  }
  void run(const PackAllJob& all) override {
    for (int k = 0; k < all.count; ++k) pack(all.jobs[k]);
  }
  void run(const ProductJob& job) override {
    for (int row = 0; row < job.rows; row += k_tile_rows)
      for (int column = 0; column < job.out_c; column += k_tile_columns) ProductTile(job, row, column).run();
  }
  void run(const BitsJob& job) override {
    for (std::int64_t group = 0; group < groups_of(job.images); ++group)
      for (int channel = 0; channel < job.channels; ++channel)
        for (int word = 0; word < job.pattern_words; ++word)
          for (int pixel = 0; pixel < job.pixels; ++pixel)
            make_words(job, job.patterns, group, channel, word, pixel);
  }
  void run(const ClassJob& job) override {
    for (std::int64_t i = 0; i < std::int64_t{job.out_c} * job.taps * job.in_c; ++i)
      job.classes[i] = class_at(job, i);
  }
  void run(const CountJob& job) override {
    const int lanes = groups_of(job.images) * job.shape.out_h * job.shape.out_w;
    for (int out = 0; out < job.shape.out_c; ++out)
      for (int lane = 0; lane < lanes; ++lane) count_output(job, out, lane);
  }
  void run(const LookUpJob& job) override {
    for (std::int64_t i = 0; i < job.images * static_cast<std::int64_t>(job.shape.out_plane()); ++i)
      job.output[i] = look_up_output(job, i);
  }
  void run(const ElementJob& job) override {
    for (std::int64_t i = 0; i < job.count; ++i) job.output[i] = element_output(job, job.table, i);
  }
  void run(const GatherJob& job) override {
    const auto unit = static_cast<std::size_t>(job.unit);
    for (std::int64_t image = 0; image < job.images; ++image)
      for (std::int64_t i = 0; i < job.outputs; ++i) {
        std::uint8_t* const to = job.output + (image * job.outputs + i) * job.unit;
        const std::uint8_t* from = gathered(job, image, job.sources[i]);
        if (from == nullptr) std::memset(to, static_cast<int>(-1 - job.sources[i]), unit);
        else std::memcpy(to, from, unit);
      }
  }
  void run(const PoolJob& job) override {
    for (std::int64_t i = 0; i < job.images * static_cast<std::int64_t>(job.shape.out_plane()); ++i)
      job.output[i] = pooled(job, i);
  }
  void run(const SumJob& job) override {
    for (std::int64_t i = 0; i < job.images * job.outputs; ++i) job.output[i] = summed(job, i);
  }

 private:
  static void move(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }

  static void pack(const PackJob& job) {
    const int taps = job.filter_h * job.filter_w;
    for (int out = 0; out < job.out_c; ++out) {
      std::uint32_t* const inside = job.tap_sums + std::int64_t{out} * 2 * taps;
      std::uint32_t* const outside = inside + taps;
      std::fill_n(inside, 2 * taps, 0U);
      for (int tap = 0; tap < taps; ++tap)
        for (int c = 0; c < job.in_c; ++c) {
          const std::uint8_t weight = weight_at(job, out, tap, c);
          inside[tap] += static_cast<std::uint32_t>(job.inside[weight]);
          if (job.outside != nullptr) outside[tap] += static_cast<std::uint32_t>(job.outside[weight]);
        }
      for (int k = 0; k < job.row_bytes; ++k) {
        const WeightPlace place = weight_place(job, k);
        for (int copy = 0; copy < job.copies; ++copy)
          job.to[(std::int64_t{copy} * job.out_c + out) * job.row_bytes + k] =
              place.channel < 0 ? std::int8_t{0}
                                : job.maps[copy * 256 + weight_at(job, out, place.tap, place.channel)];
      }
      for (int k = 0; k < job.row_classes * job.column_classes; ++k)
        job.to_bias[k * job.out_c + out] =
            class_bias(job, k / job.column_classes, k % job.column_classes, out, inside, outside);
    }
  }
};

}  // namespace

std::unique_ptr<TileMachine> make_host_machine() { return std::make_unique<HostMachine>(); }

}  // namespace qfi::tiles
