// SPDX-License-Identifier: Apache-2.0
#include "tile_proof.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace qfi::tiles {
namespace {

using Random = std::mt19937;

int draw(Random& random, int first, int last) {
  return first + static_cast<int>(random() % static_cast<unsigned>(last - first + 1));
}

template <class T>
std::vector<T> random_values(Random& random, std::size_t count, bool is_extreme) {
  std::vector<T> values(count);
  for (T& value : values)
    value = is_extreme ? static_cast<T>(random() % 2 == 0 ? 0x80 : 0x7F) : static_cast<T>(random());
  return values;
}

// Values in a machine's memory.
class Values {
 public:
  explicit Values(TileMachine& machine) : m_machine(machine) {}
  template <class T>
  T* room(std::size_t count) {
    m_memory.emplace_back(m_machine, std::max<std::size_t>(count * sizeof(T), 64));
    return reinterpret_cast<T*>(m_memory.back().data());
  }
  template <class T>
  const T* put(const std::vector<T>& values) {
    T* const to = room<T>(values.size());
    m_machine.upload(reinterpret_cast<std::byte*>(to), values.data(), values.size() * sizeof(T));
    return to;
  }

 private:
  TileMachine& m_machine;
  std::vector<TileMemory> m_memory;
};

// Errors of two values in a layer of some shape, under more images than a word has bits.
class RandomCounts {
 public:
  explicit RandomCounts(unsigned seed) : m_random(seed) {
    m_shape.in_h = draw(m_random, 1, 9);
    m_shape.in_w = draw(m_random, 1, 9);
    m_shape.in_c = draw(m_random, 1, 20);
    m_shape.out_h = draw(m_random, 1, 9);
    m_shape.out_w = draw(m_random, 1, 9);
    m_shape.out_c = draw(m_random, 1, 20);
    m_shape.filter_h = draw(m_random, 1, 3);
    m_shape.filter_w = draw(m_random, 1, 4);
    m_shape.stride_h = draw(m_random, 1, 2);
    m_shape.stride_w = draw(m_random, 1, 2);
    m_shape.dilation_w = draw(m_random, 1, 2);
    m_shape.pad_h = draw(m_random, 0, 2);
    m_shape.pad_w = draw(m_random, 0, 2);
    m_images = draw(m_random, 1, 100);
    m_pattern_words = draw(m_random, 1, 8);
    m_inputs =
        random_values<std::uint8_t>(m_random, static_cast<std::size_t>(m_images) * m_shape.in_plane(), false);
    m_weights = random_values<std::uint8_t>(m_random,
                                            static_cast<std::size_t>(m_shape.out_c) * m_shape.taps(), false);
    m_patterns =
        random_values<std::uint32_t>(m_random, 256 * static_cast<std::size_t>(m_pattern_words), false);
    for (int w = 0; w < 256; ++w)
      m_classes.push_back(
          w % 4 == 0 ? k_no_class : static_cast<std::uint16_t>(draw(m_random, 0, m_pattern_words * 32 - 1)));
  }

  std::vector<std::int32_t> run(TileMachine& machine) const {
    Values memory(machine);
    const ConvolutionShape& s = m_shape;
    const int pixels = s.in_h * s.in_w;
    auto* const classes = memory.room<std::uint16_t>(m_weights.size());
    auto* const words = memory.room<std::uint32_t>(
        static_cast<std::size_t>(groups_of(m_images) * s.in_c * m_pattern_words * 32 * pixels));
    const std::size_t count = static_cast<std::size_t>(m_images) * s.out_plane();
    auto* const sums = memory.room<std::int32_t>(count);
    machine.run(ClassJob{memory.put(m_weights), memory.put(m_classes), s.out_c, s.filter_h * s.filter_w,
                         s.in_c, classes});
    machine.run(BitsJob{memory.put(m_inputs), pixels, s.in_c, m_images, m_pattern_words,
                        memory.put(m_patterns), words});
    for (const bool adds : {false, true})
      machine.run(
          CountJob{s, m_images, m_pattern_words * 32, words, classes, adds ? -3 : 1 << 20, adds, sums});
    std::vector<std::int32_t> result(count);
    machine.download(result.data(), reinterpret_cast<const std::byte*>(sums), count * sizeof(std::int32_t));
    return result;
  }

 private:
  Random m_random;
  ConvolutionShape m_shape;
  int m_images = 1;
  int m_pattern_words = 1;
  std::vector<std::uint8_t> m_inputs, m_weights;
  std::vector<std::uint32_t> m_patterns;
  std::vector<std::uint16_t> m_classes;
};

// A job and its operands, in a machine's memory.
class RandomProducts {
 public:
  explicit RandomProducts(unsigned seed, int columns) {
    Random random(seed);
    m_job.in_h = draw(random, 1, 7);
    m_job.in_w = draw(random, 1, 7);
    m_job.out_h = draw(random, 1, 7);
    m_job.out_w = draw(random, 1, 7);
    m_job.stride_h = draw(random, 1, 2);
    m_job.stride_w = draw(random, 1, 2);
    m_job.pad_h = draw(random, 0, 2);
    m_job.pad_w = draw(random, 0, 2);
    m_job.pitch = k_chunk * draw(random, 1, 3);
    m_job.out_c = columns;
    m_job.is_signed = seed % 2 == 0;
    const int images = draw(random, 1, 9);
    m_job.rows = images * m_job.out_h * m_job.out_w;
    for (int dy = 0; dy < draw(random, 1, 3); ++dy)
      for (int dx = 0; dx < 3; ++dx)
        for (int chunk = 0; chunk < m_job.pitch / k_chunk; ++chunk)
          m_places.push_back({static_cast<std::int16_t>(dy), static_cast<std::int16_t>(dx),
                              (dy * m_job.in_w + dx) * m_job.pitch + chunk * k_chunk});
    m_job.chunks = static_cast<int>(m_places.size());
    m_job.steps = (m_job.chunks + k_step_chunks - 1) / k_step_chunks;
    m_job.terms = draw(random, 0, 4);
    m_job.last_scale = draw(random, -3, 3);
    const auto out_c = static_cast<std::size_t>(columns);
    const bool is_extreme = seed % 3 == 0;
    m_inputs = random_values<std::uint8_t>(
        random, static_cast<std::size_t>(m_job.terms * images * m_job.in_h * m_job.in_w * m_job.pitch),
        is_extreme);
    m_weights = random_values<std::int8_t>(
        random, static_cast<std::size_t>(m_job.terms * m_job.steps * k_step) * out_c, is_extreme);
    m_row_class.assign(static_cast<std::size_t>(m_job.out_h), 0);
    m_column_class.assign(static_cast<std::size_t>(m_job.out_w), 0);
    m_row_class.back() = 1;
    m_column_class.back() = 1;
    m_job.column_classes = 2;
    m_bias = random_values<std::int32_t>(random, 4 * out_c, false);
    for (std::size_t c = 0; c < out_c; ++c) {
      m_multiplier.push_back(draw(random, 1 << 30, 2147483646));
      m_shift.push_back(draw(random, -14, 1));
      m_real.push_back(draw(random, 1, 1000) * 1e-6);
    }
    m_has_real = seed % 5 == 0;
    m_has_counts = seed % 4 == 1;
    m_counted = random_values<std::int32_t>(random, static_cast<std::size_t>(m_job.rows) * out_c, false);
    m_job.finish.zero_point = draw(random, -128, 127);
    m_job.finish.min = m_job.is_signed ? -128 : 0;
    m_job.finish.max = m_job.finish.min + 255;
    for (int t = 0; t < m_job.terms; ++t) m_job.term[t].scale = draw(random, -5, 5);
  }

  std::vector<std::uint8_t> run(TileMachine& machine) {
    Values memory(machine);
    const auto put = [&](const auto& values) { return memory.put(values); };
    ProductJob job = m_job;
    job.places = put(m_places);
    const std::uint8_t* inputs = put(m_inputs);
    const std::int8_t* weights = put(m_weights);
    for (int t = 0; t < job.terms; ++t) {
      job.term[t].input =
          inputs + m_inputs.size() / static_cast<std::size_t>(job.terms) * static_cast<std::size_t>(t);
      job.term[t].weights =
          weights + m_weights.size() / static_cast<std::size_t>(job.terms) * static_cast<std::size_t>(t);
    }
    job.row_class = put(m_row_class);
    job.column_class = put(m_column_class);
    job.bias = put(m_bias);
    job.finish.multiplier = put(m_multiplier);
    job.finish.shift = put(m_shift);
    if (m_has_real) job.finish.real = put(m_real);
    const auto bytes = static_cast<std::size_t>(job.rows) * static_cast<std::size_t>(job.out_c);
    if (m_has_counts) job.counted = put(m_counted);
    job.output = memory.room<std::uint8_t>(bytes);
    machine.run(job);
    std::vector<std::uint8_t> result(bytes);
    machine.download(result.data(), reinterpret_cast<const std::byte*>(job.output), bytes);
    return result;
  }

 private:
  ProductJob m_job;
  bool m_has_real = false;
  bool m_has_counts = false;
  std::vector<ChunkPlace> m_places;
  std::vector<std::uint8_t> m_inputs;
  std::vector<std::int8_t> m_weights;
  std::vector<std::uint16_t> m_row_class, m_column_class;
  std::vector<std::int32_t> m_bias, m_multiplier, m_shift, m_counted;
  std::vector<double> m_real;
};

// What a fault can do to products: nothing; a bit of both operands (one more term); errors of some weights,
// with a common factor; no structure at all, so that products are looked up; errors of one value, which are
// counted.
ProductTable table_of(const OperandCodes& codes, int kind) {
  ProductTable table = ProductTable::exact(codes);
  Random random(static_cast<unsigned>(kind));
  for (std::size_t w = 0; w < 256; ++w)
    for (std::size_t x = 0; x < 256; ++x) {
      std::int32_t& term = table.at(w, x);
      if (kind == 1 && (w & x & 4U) != 0) term += 1 << 20;
      if (kind == 2 && w % 5 == 0) term += static_cast<std::int32_t>(x * 24) - 7;
      if (kind == 2 && (w & 1U) != 0) term -= static_cast<std::int32_t>((x & 0x30U) << 3);
      if (kind == 4 && (w * x & 0x40U) != 0) term -= 1 << 10;
      if (kind == 3) term += static_cast<std::int32_t>(random() % 1000);
    }
  return table;
}

constexpr int k_tables = 5;

}  // namespace

Result<void> prove_products(TileMachine& machine) {
  const auto host = make_host_machine();
  unsigned seed = 0;
  for (const int columns : {1, 3, 16, 17, 32, 33, 48, 64, 65, 100, 128, 144})
    for (int again = 0; again < 3; ++again, ++seed) {
      RandomProducts products(seed, columns);
      if (products.run(machine) != products.run(*host))
        return failed("{}: sums of products with {} output channels differ from the reference",
                      machine.name(), columns);
    }
  return {};
}

Result<void> prove_counts(TileMachine& machine) {
  constexpr unsigned k_shapes = 24;
  const auto host = make_host_machine();
  for (unsigned seed = 0; seed < k_shapes; ++seed) {
    const RandomCounts counts(seed);
    if (counts.run(machine) != counts.run(*host))
      return failed("{}: counted errors differ from the reference", machine.name());
  }
  return {};
}

Result<void> prove_steps(TileDevice& device, const TileProgram& program, const DevicePlan& plan) {
  const Program& engine = program.program();
  const Model& model = engine.model();
  const std::vector<int> live = engine.live_tensors(program.cut(), plan.watched);
  const std::size_t images = std::min<std::size_t>(3, plan.blocks.front().images);
  Random random(1);
  for (int kind = 0; kind < k_tables; ++kind) {
    std::map<OperandCodes, ProductTable> tables;
    Units units;
    units.of_operator.resize(model.operators.size());
    for (std::size_t i = program.cut(); i < program.end() && kind > 0; ++i)
      if (engine.multiplies_weights(i)) {
        const OperandCodes codes = engine.operand_codes(i);
        units.of_operator[i] = TabulatedUnit{&tables.try_emplace(codes, table_of(codes, kind)).first->second,
                                             kind % 2 == 0 ? PaddingTaps::skip : PaddingTaps::multiply,
                                             {},
                                             {},
                                             {}};
      }
    engine.prepare_tables(units);
    device.prepare(units);
    Batch batch(engine, images);
    for (std::size_t k = 0; k < live.size(); ++k) {
      const std::span<std::byte> values = batch.tensor(live[k]);
      std::memcpy(values.data(), plan.blocks.front().values[k].data(), values.size());
      // One image as it is, one of random and one of extreme bytes; behind the network's input, of those that
      // the tensor can have.
      const bool is_input = std::ranges::find(model.inputs, live[k]) != model.inputs.end();
      const std::size_t bytes = values.size() / images;
      const std::span<const std::byte> golden = values.first(bytes);
      const auto [low, high] = std::ranges::minmax(golden);
      for (std::size_t i = bytes; i < values.size(); ++i) {
        const bool is_extreme = i >= 2 * bytes;
        const bool is_first = random() % 2 == 0;
        if (is_input) values[i] = static_cast<std::byte>(!is_extreme ? random() : is_first ? 0x80U : 0x7FU);
        else values[i] = !is_extreme ? golden[random() % bytes] : is_first ? low : high;
      }
      device.machine().upload(device.tensor(live[k]), values.data(), values.size());
    }
    std::size_t next = program.cut();
    std::optional<std::size_t> wrong;
    device.run_steps(&units, images, [&](const TileStep& step, std::span<const std::uint8_t> output) {
      engine.run(batch, next, step.op + 1, &units);
      next = step.op + 1;
      const auto expected = std::as_const(batch).tensor(model.operators[step.op].outputs[0]);
      if (!wrong && !std::ranges::equal(std::as_bytes(output), expected)) wrong = step.op;
    });
    if (wrong)
      return failed("{}: {} differs from the CPU's", device.machine().name(), operator_label(model, *wrong));
  }
  return {};
}

}  // namespace qfi::tiles
