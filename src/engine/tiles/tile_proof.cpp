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
    m_job.finish.zero_point = draw(random, -128, 127);
    m_job.finish.min = m_job.is_signed ? -128 : 0;
    m_job.finish.max = m_job.finish.min + 255;
    for (int t = 0; t < m_job.terms; ++t) m_job.term[t].scale = draw(random, -5, 5);
  }

  std::vector<std::uint8_t> run(TileMachine& machine) {
    std::vector<TileMemory> memory;
    const auto put = [&]<class T>(const std::vector<T>& values) -> const T* {
      TileMemory& to = memory.emplace_back(machine, std::max<std::size_t>(values.size() * sizeof(T), 64));
      machine.upload(to.data(), values.data(), values.size() * sizeof(T));
      return reinterpret_cast<const T*>(to.data());
    };
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
    TileMemory output(machine, bytes);
    job.output = reinterpret_cast<std::uint8_t*>(output.data());
    machine.run(job);
    std::vector<std::uint8_t> result(bytes);
    machine.download(result.data(), output.data(), bytes);
    return result;
  }

 private:
  ProductJob m_job;
  bool m_has_real = false;
  std::vector<ChunkPlace> m_places;
  std::vector<std::uint8_t> m_inputs;
  std::vector<std::int8_t> m_weights;
  std::vector<std::uint16_t> m_row_class, m_column_class;
  std::vector<std::int32_t> m_bias, m_multiplier, m_shift;
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
