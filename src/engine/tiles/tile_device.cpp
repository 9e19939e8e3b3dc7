// SPDX-License-Identifier: Apache-2.0
#include "tile_device.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "tried_operators.hpp"

namespace qfi::tiles {
namespace {

constexpr std::size_t k_most_images = 2048;  // that run at once

std::vector<const TileLayer*> layers_of(const TileProgram& program) {
  std::vector<const TileLayer*> layers;
  for (const TileStep& step : program.steps())
    if (const auto* layer = std::get_if<TileLayer>(&step.form)) layers.push_back(layer);
  return layers;
}

}  // namespace

TileGolden::TileGolden(TileMachine& machine, const Program& program, const DevicePlan& plan)
    : m_tensors(program.live_tensors(plan.cut, plan.watched)), m_first_image(1, 0) {
  for (const LiveImages& block : plan.blocks) {
    m_first_image.push_back(m_first_image.back() + block.images);
    m_most_images = std::max(m_most_images, block.images);
  }
  for (std::size_t k = 0; k < m_tensors.size(); ++k) {
    const std::size_t bytes = program.model().tensors[static_cast<std::size_t>(m_tensors[k])].bytes();
    TileMemory& memory = m_values.emplace_back(machine, bytes * images());
    for (std::size_t b = 0; b < plan.blocks.size(); ++b)
      machine.upload(memory.data() + m_first_image[b] * bytes, plan.blocks[b].values[k].data(),
                     plan.blocks[b].images * bytes);
  }
}

TileDevice::TileDevice(std::unique_ptr<TileMachine> machine, const TileProgram& program,
                       const TileGolden& golden, const DevicePlan& plan, std::size_t bytes)
    : m_program(program),
      m_golden(golden),
      m_machine(std::move(machine)),
      m_left(program.program().live_tensors(program.end(), plan.watched)),
      m_runner(*m_machine, program.constants()),
      m_downloaded(m_left.size()),
      m_batch(program.program(), golden.most_images_of_block()) {
  const std::size_t of_image = program.program().bytes_per_image();
  const LayerNeeds needs = needs_of(layers_of(program));
  m_images = m_runner.take_memory(needs, bytes, of_image, golden.most_images_of_block(),
                                  std::min(k_most_images, golden.images()));
  m_activations = TileMemory(*m_machine, std::max<std::size_t>(m_images * of_image, 64));
}

// Operators from end() on run on the CPU, which has its own way to be fast.
void TileDevice::prepare(Units& units) const {
  const Program& program = m_program.program();
  program.take_apart_tables(units, k_most_terms - 2);
  Units of_cpu;
  of_cpu.of_operator.resize(units.of_operator.size());
  for (std::size_t i = m_program.end(); i < units.of_operator.size(); ++i)
    of_cpu.of_operator[i] = units.of_operator[i];
  program.prepare_tables(of_cpu);
  for (std::size_t i = m_program.end(); i < units.of_operator.size(); ++i)
    units.of_operator[i] = of_cpu.of_operator[i];
}

std::size_t TileDevice::bytes_of(int tensor) const {
  return m_program.program().model().tensors[static_cast<std::size_t>(tensor)].bytes();
}
const std::uint8_t* TileDevice::input(std::size_t op, std::size_t k) {
  return reinterpret_cast<const std::uint8_t*>(tensor(m_program.program().model().operators[op].inputs[k]));
}
std::uint8_t* TileDevice::output(std::size_t op) {
  return reinterpret_cast<std::uint8_t*>(tensor(m_program.program().model().operators[op].outputs[0]));
}

void TileDevice::run(const Units* units, std::span<const DeviceTask> tasks, const Use& use) {
  begin_fault(units);
  for (std::size_t first = 0; first < tasks.size();) {
    std::size_t count = 0, images = 0;
    while (first + count < tasks.size() && images + tasks[first + count].images <= m_images)
      images += tasks[first + count++].images;
    const auto batch = tasks.subspan(first, count);
    load(batch);
    for (const TileStep& step : m_program.steps()) run_step(step, images);
    for (std::size_t k = 0; k < m_left.size(); ++k) {
      m_downloaded[k].resize(images * bytes_of(m_left[k]));
      m_machine->download(m_downloaded[k].data(), tensor(m_left[k]), m_downloaded[k].size());
    }
    if (!use_tasks(units, batch, first, use)) return;
    first += count;
  }
}

void TileDevice::begin_fault(const Units* units) {
  std::vector<LayerUnit> of_layers;
  for (const TileStep& step : m_program.steps()) {
    const auto* layer = std::get_if<TileLayer>(&step.form);
    const auto* unit = units == nullptr ? nullptr : std::get_if<TabulatedUnit>(&units->of_operator[step.op]);
    if (layer != nullptr && unit != nullptr) of_layers.push_back({layer, unit});
  }
  m_runner.begin_fault(of_layers);
}

// Golden tensors into the places where the operators look for them; neighbours go together.
void TileDevice::load(std::span<const DeviceTask> tasks) {
  for (std::size_t k = 0; k < m_golden.tensors().size(); ++k) {
    const std::size_t bytes = bytes_of(m_golden.tensors()[k]);
    std::byte* to = tensor(m_golden.tensors()[k]);
    for (std::size_t t = 0; t < tasks.size();) {
      const std::size_t first = m_golden.first_image(tasks[t].block) + tasks[t].first;
      std::size_t images = 0;
      while (t < tasks.size() && m_golden.first_image(tasks[t].block) + tasks[t].first == first + images)
        images += tasks[t++].images;
      m_machine->copy(to, m_golden.tensor(k) + first * bytes, images * bytes);
      to += images * bytes;
    }
  }
}

void TileDevice::run_steps(const Units* units, std::size_t images, const Seen& seen) {
  begin_fault(units);
  for (const TileStep& step : m_program.steps()) {
    run_step(step, images);
    const int left = m_program.program().model().operators[step.op].outputs[0];
    std::vector<std::uint8_t> bytes(images * bytes_of(left));
    m_machine->download(bytes.data(), tensor(left), bytes.size());
    seen(step, bytes);
  }
}

void TileDevice::time_steps(const Units* units, std::size_t images, int times, const Timed& timed) {
  using Clock = std::chrono::steady_clock;
  begin_fault(units);
  std::byte last{};
  for (const TileStep& step : m_program.steps()) {
    m_machine->download(&last, m_activations.data(), 1);
    const auto start = Clock::now();
    for (int i = 0; i < times; ++i) run_step(step, images);
    m_machine->download(&last, m_activations.data(), 1);
    timed(step, std::chrono::duration<double>(Clock::now() - start).count() / times);
  }
}

void TileDevice::run_step(const TileStep& step, std::size_t images) {
  const Model& model = m_program.program().model();
  const std::vector<int> inputs = variable_inputs(model, step.op);
  const auto count = static_cast<std::int64_t>(images);
  const auto bytes = [&](int tensor) { return static_cast<std::int64_t>(bytes_of(tensor)); };
  const auto* first = reinterpret_cast<const std::uint8_t*>(tensor(inputs[0]));
  const bool is_signed = model.tensors[static_cast<std::size_t>(inputs[0])].type == TensorType::int8;
  if (const auto* layer = std::get_if<TileLayer>(&step.form)) {
    m_runner.run(*layer, {input(step.op, layer->op->data_input), output(step.op), images});
  } else if (const auto* element = std::get_if<ElementStep>(&step.form)) {
    const auto* second =
        inputs.size() < 2 ? nullptr : reinterpret_cast<const std::uint8_t*>(tensor(inputs[1]));
    m_machine->run(ElementJob{first,
                              second,
                              m_program.constants().at<std::uint8_t>(element->table),
                              {},
                              is_signed,
                              count * bytes(inputs[0]),
                              output(step.op)});
  } else if (const auto* pair = std::get_if<LinearPair>(&step.form)) {
    const std::vector<int>& operands = model.operators[step.op].inputs;  // which may be the same tensor
    m_machine->run(ElementJob{input(step.op, 0), input(step.op, 1), nullptr, *pair, is_signed,
                              count * bytes(operands[0]), output(step.op)});
  } else if (const auto* gather = std::get_if<GatherStep>(&step.form)) {
    GatherJob job;
    for (std::size_t k = 0; k < inputs.size(); ++k)
      job.input[k] = {reinterpret_cast<const std::uint8_t*>(tensor(inputs[k])), bytes(inputs[k])};
    job.sources = m_program.constants().at<std::int64_t>(gather->sources);
    job.unit = gather->unit;
    job.outputs = bytes(model.operators[step.op].outputs[0]) / gather->unit;
    job.images = count;
    job.output = output(step.op);
    m_machine->run(job);
  } else if (const auto* pool = std::get_if<PoolForm>(&step.form)) {
    m_machine->run(PoolJob{pool->shape, count * pool->shape.planes, pool->is_average, is_signed, pool->min,
                           pool->max, first, output(step.op)});
  } else if (const auto* sum = std::get_if<SumForm>(&step.form)) {
    m_machine->run(SumJob{count, sum->count, sum->outputs, is_signed, sum->start, sum->factor.multiplier,
                          sum->factor.shift, sum->zero_point, first, output(step.op)});
  }
}

// Task by task, after the operators that are left to the CPU.
bool TileDevice::use_tasks(const Units* units, std::span<const DeviceTask> tasks, std::size_t first_task,
                           const Use& use) {
  const Program& program = m_program.program();
  const std::size_t end = program.model().operators.size();
  std::size_t first = 0;
  for (std::size_t t = 0; t < tasks.size(); first += tasks[t++].images) {
    const auto left = [&](std::size_t k) {
      const std::size_t bytes = bytes_of(m_left[k]);
      return std::span<const std::byte>(m_downloaded[k]).subspan(first * bytes, tasks[t].images * bytes);
    };
    bool goes_on;
    if (m_program.end() == end) {
      goes_on = use(first_task + t, [&](int tensor) {
        return left(static_cast<std::size_t>(std::ranges::find(m_left, tensor) - m_left.begin()));
      });
    } else {
      m_batch.set_images(tasks[t].images);
      for (std::size_t k = 0; k < m_left.size(); ++k)
        std::ranges::copy(left(k), m_batch.tensor(m_left[k]).begin());
      program.run(m_batch, m_program.end(), end, units);
      goes_on = use(first_task + t, [&](int tensor) { return std::as_const(m_batch).tensor(tensor); });
    }
    if (!goes_on) return false;
  }
  return true;
}

}  // namespace qfi::tiles
