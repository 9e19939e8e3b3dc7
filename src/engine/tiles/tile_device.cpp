// SPDX-License-Identifier: Apache-2.0
#include "tile_device.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

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

// Copies golden tensors to the places where the operators look for them; neighbours go together.
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
  std::visit([&](const auto& form) { run_form(form, step, images); }, step.form);
}

const std::uint8_t* TileDevice::input(const TileStep& step, std::size_t k) {
  return reinterpret_cast<const std::uint8_t*>(tensor(step.inputs[k]));
}
std::uint8_t* TileDevice::output(const TileStep& step) {
  return reinterpret_cast<std::uint8_t*>(tensor(m_program.program().model().operators[step.op].outputs[0]));
}
bool TileDevice::is_signed(const TileStep& step) const {
  return m_program.program().model().tensors[static_cast<std::size_t>(step.inputs[0])].type ==
         TensorType::int8;
}

// A layer's weights are constants, so that its data are its first input here.
void TileDevice::run_form(const TileLayer& layer, const TileStep& step, std::size_t images) {
  m_runner.run(layer, {input(step, 0), output(step), images});
}

void TileDevice::run_form(const ElementStep& element, const TileStep& step, std::size_t images) {
  ElementJob job;
  job.x = input(step, 0);
  job.y = step.inputs.size() < 2 ? nullptr : input(step, 1);
  job.table = m_program.constants().at<std::uint8_t>(element.table);
  job.count = static_cast<std::int64_t>(images * bytes_of(step.inputs[0]));
  job.output = output(step);
  m_machine->run(job);
}

void TileDevice::run_form(const LinearPair& form, const TileStep& step, std::size_t images) {
  ElementJob job;
  job.x = input(step, 0);
  job.y = input(step, step.inputs.size() - 1);  // both may be the same tensor
  job.form = form;
  job.is_signed = is_signed(step);
  job.count = static_cast<std::int64_t>(images * bytes_of(step.inputs[0]));
  job.output = output(step);
  m_machine->run(job);
}

void TileDevice::run_form(const GatherStep& gather, const TileStep& step, std::size_t images) {
  GatherJob job;
  for (std::size_t k = 0; k < step.inputs.size(); ++k)
    job.input[k] = {input(step, k), static_cast<std::int64_t>(bytes_of(step.inputs[k]))};
  job.sources = m_program.constants().at<std::int64_t>(gather.sources);
  job.unit = gather.unit;
  job.outputs =
      static_cast<std::int64_t>(bytes_of(m_program.program().model().operators[step.op].outputs[0])) /
      gather.unit;
  job.images = static_cast<std::int64_t>(images);
  job.output = output(step);
  m_machine->run(job);
}

void TileDevice::run_form(const PoolForm& pool, const TileStep& step, std::size_t images) {
  m_machine->run(PoolJob{pool.shape, static_cast<std::int64_t>(images) * pool.shape.planes, pool.is_average,
                         is_signed(step), pool.min, pool.max, input(step, 0), output(step)});
}

void TileDevice::run_form(const SumForm& sum, const TileStep& step, std::size_t images) {
  m_machine->run(SumJob{static_cast<std::int64_t>(images), sum.count, sum.outputs, is_signed(step), sum.start,
                        sum.factor.multiplier, sum.factor.shift, sum.zero_point, input(step, 0),
                        output(step)});
}

// Runs the operators that are left to the CPU, and hands over the tensors of one task after the other.
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
