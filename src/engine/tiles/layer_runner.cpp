// SPDX-License-Identifier: Apache-2.0
#include "layer_runner.hpp"

#include <algorithm>

namespace qfi::tiles {
namespace {

constexpr std::size_t k_usual_copies = 8;  // of a layer's inputs, for which memory is kept
constexpr std::size_t k_group = 32;        // images that are counted together
constexpr std::size_t k_fault_bytes = std::size_t{1} << 20;
constexpr std::size_t k_most_rows = std::size_t{1} << 30;        // of a product job
constexpr std::size_t k_counted_bytes = std::size_t{384} << 20;  // at most, for as many groups as fit

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// Mapped copies of the input that a layer needs: the map that changes nothing is the first one.
std::size_t first_map(const TileLayer& layer) { return layer.copies_input ? 0 : 1; }
std::size_t copies_of(const TileLayer& layer, const TileOperands& operands) {
  return operands.input_map_count - first_map(layer);
}

std::size_t class_bytes(const TileLayer& layer) {
  return aligned(layer.op->weights.size() * sizeof(std::uint16_t));
}
std::size_t word_bytes(const TileLayer& layer, std::size_t patterns) {  // of a group
  return aligned(layer.op->shape.in_plane() * patterns * sizeof(std::uint32_t));
}
std::size_t sum_bytes(const TileLayer& layer) {
  return aligned(layer.op->shape.out_plane() * k_group * sizeof(std::int32_t));
}

bool may_count(const TileLayer& layer) {
  const ConvolutionShape& s = layer.op->shape;
  constexpr int k_most_channels = 1 << 18;  // that a launch has rows of blocks for
  return layer.is_dense && s.planes == 1 && s.out_c <= k_most_channels &&
         s.filter_h * s.filter_w <= k_most_counted_taps &&
         s.taps() < std::size_t{1} << (BitCounter::k_bits - 1);
}

FaultOperands::Plane add_plane(const ErrorPlane& plane, ByteBlock& block) {
  FaultOperands::Plane added;
  added.factor = plane.factor;
  const std::size_t words = (plane.patterns.size() + 31) / 32;
  added.pattern_words = static_cast<int>(words);
  std::vector<std::uint32_t> patterns(256 * words);
  for (std::size_t p = 0; p < plane.patterns.size(); ++p)
    for (std::size_t x = 0; x < 256; ++x)
      if (plane.patterns[p][x]) patterns[x * words + p / 32] |= 1U << (p % 32);
  static_assert(ErrorPlane::k_never == k_no_class);
  added.patterns = block.add_values(patterns);
  added.of_weight = block.add(std::as_bytes(std::span(plane.class_of_weight)));
  return added;
}

// The patterns of the plane that has the most, in whole words.
std::size_t most_patterns(const FaultOperands& operands) {
  std::size_t patterns = 0;
  for (const FaultOperands::Plane& plane : operands.planes)
    patterns = std::max(patterns, static_cast<std::size_t>(plane.pattern_words) * 32);
  return patterns;
}

}  // namespace

LayerNeeds needs_of(std::span<const TileLayer* const> layers) {
  LayerNeeds needs;
  for (const TileLayer* layer : layers) {
    if (!layer->is_dense) continue;
    needs.copy = std::max(needs.copy, layer->copy_bytes());
    needs.rows = std::max(needs.rows,
                          static_cast<std::size_t>(layer->op->shape.planes) * layer->op->shape.out_pixels());
    if (may_count(*layer)) needs.counted = k_counted_bytes;
    needs.weights += aligned(layer->weight_bytes());
    needs.biases += aligned(layer->bias_bytes()) + aligned(layer->tap_sum_bytes());
  }
  return needs;
}

// What is left beside the least number of images: a quarter for the weights of faults with many terms, as
// much for counting, the rest for more images. Faults that find too little of it are looked up.
std::size_t LayerRunner::take_memory(const LayerNeeds& needs, std::size_t bytes, std::size_t of_image,
                                     std::size_t least, std::size_t most) {
  most = std::max(least, std::min(most, k_most_rows / needs.rows));
  const std::size_t with_copies = of_image + k_usual_copies * needs.copy;
  // A fault with many terms may run image by image; its input as it is can be one copy more.
  const std::size_t fixed = k_fault_bytes + needs.biases +
                            std::max(least * with_copies, of_image + (k_most_terms + 1) * needs.copy);
  if (bytes < fixed + 4 * needs.weights)
    throw MachineError(
        "the device's memory does not hold one block of images; give more with --device-memory, or fewer "
        "--threads");
  const std::size_t rest = bytes - fixed;
  m_most_terms = k_most_terms;
  if (needs.weights > 0) m_most_terms = std::min(m_most_terms, rest / 4 / needs.weights);
  const std::size_t counted = std::min(needs.counted, rest / 4);
  const std::size_t more = (rest - m_most_terms * needs.weights - counted) / with_copies;
  const std::size_t images = std::min(most, least + more);
  m_copies =
      TileMemory(m_machine, std::max<std::size_t>(images * k_usual_copies, k_most_terms + 1) * needs.copy);
  m_weights = TileMemory(m_machine, m_most_terms * needs.weights + needs.biases);
  m_counted = TileMemory(m_machine, counted);
  m_fault = TileMemory(m_machine, k_fault_bytes);
  return images;
}

bool LayerRunner::runs_as_products(const TileLayer& layer, const FaultOperands& operands) const {
  if (!layer.is_dense || !operands.is_factored) return false;
  if (operands.planes.empty()) return true;
  return may_count(layer) && operands.planes.size() * class_bytes(layer) +
                                     word_bytes(layer, most_patterns(operands)) + sum_bytes(layer) <=
                                 m_counted.bytes();
}

FaultOperands& LayerRunner::add(const TileLayer& layer, const TabulatedUnit& unit, ByteBlock& block) {
  const auto [entry, is_new] = m_operands.try_emplace({unit.table, layer.op->codes, unit.padding});
  FaultOperands& operands = entry->second;
  if (is_new) {
    operands.padding = unit.padding;
    const ProductTable* outside = unit.padding == PaddingTaps::multiply ? unit.table : nullptr;
    if (unit.factored) {
      operands.products = add_operands(*unit.factored, layer.op->codes, outside, block);
    } else if (unit.planes) {
      const CodeType type = layer.op->codes.type;
      FactoredProducts plain = plain_products(type, {type, false, k_most_terms});
      for (std::size_t w = 0; w < 256; ++w)
        plain.of_weight[w] = wrapping_add(plain.of_weight[w], unit.planes->of_weight[w]);
      operands.products = add_operands(std::move(plain), layer.op->codes, outside, block);
      for (const ErrorPlane& plane : unit.planes->planes) operands.planes.push_back(add_plane(plane, block));
    }
    operands.is_factored = (unit.factored || unit.planes) && operands.products.terms.size() <= k_most_terms &&
                           operands.products.weight_map_count - 1 <= m_most_terms;
  }
  if (!runs_as_products(layer, operands) && operands.table == k_nowhere)
    operands.table = block.add(std::as_bytes(unit.table->terms()));
  return operands;
}

// Everything that the layers need goes to the machine at once; then all their weights are packed.
void LayerRunner::begin_fault(std::span<const LayerUnit> units) {
  m_operands.clear();
  m_fault_layers.clear();
  ByteBlock block;
  for (const auto& [layer, unit] : units) m_fault_layers[layer].operands = &add(*layer, *unit, block);
  if (!units.empty()) pack_fault(block);
}

void LayerRunner::pack_fault(ByteBlock& block) {
  const std::size_t bytes = aligned(block.bytes().size()) + m_fault_layers.size() * sizeof(PackJob);
  if (bytes > m_fault.bytes()) m_fault = TileMemory(m_machine, bytes);
  std::vector<PackJob> jobs;
  std::byte* place = m_weights.data();
  const auto take = [&](std::size_t size) {
    std::byte* const taken = place;
    place += aligned(size);
    return taken;
  };
  for (auto& [layer, fault] : m_fault_layers) {
    if (!runs_as_products(*layer, *fault.operands)) continue;
    const TileOperands& operands = fault.operands->products;
    const std::byte* const maps = m_fault.data();
    PackJob job = pack_job(m_constants, *layer);
    job.copies = static_cast<int>(operands.weight_map_count - 1);
    job.maps = reinterpret_cast<const std::int8_t*>(maps + operands.weight_maps + 256);
    job.inside = reinterpret_cast<const std::int32_t*>(maps + operands.inside);
    if (operands.outside != k_nowhere)
      job.outside = reinterpret_cast<const std::int32_t*>(maps + operands.outside);
    job.to = reinterpret_cast<std::int8_t*>(take((operands.weight_map_count - 1) * layer->weight_bytes()));
    job.to_bias = reinterpret_cast<std::int32_t*>(take(layer->bias_bytes()));
    job.tap_sums = reinterpret_cast<std::uint32_t*>(take(layer->tap_sum_bytes()));
    fault.packed = {job.to, job.to_bias};
    jobs.push_back(job);
  }
  PackAllJob all = pack_all(jobs);
  all.jobs = reinterpret_cast<const PackJob*>(m_fault.data() + block.add_values(jobs));
  m_machine.upload(m_fault.data(), block.bytes().data(), block.bytes().size());
  if (all.count > 0) m_machine.run(all);
}

void LayerRunner::run(const TileLayer& layer, const LayerImages& images) {
  const auto found = m_fault_layers.find(&layer);
  if (found == m_fault_layers.end()) {
    if (layer.is_dense) run_exact(layer, images);
    else look_up(layer, nullptr, images);
    return;
  }
  const FaultLayer& fault = found->second;
  if (!runs_as_products(layer, *fault.operands)) look_up(layer, fault.operands, images);
  else if (!fault.operands->planes.empty()) run_counted(layer, fault, images);
  else run_products(layer, fault.operands->products, m_fault.data(), fault.packed, images);
}

void LayerRunner::run_exact(const TileLayer& layer, const LayerImages& images) {
  const std::byte* packed = m_constants.packed.data();
  const auto* exact = reinterpret_cast<const std::int8_t*>(packed + layer.exact_weights);
  run_products(
      layer, m_constants.exact[layer.exact], m_constants.block.data(),
      {exact + layer.weight_bytes(), reinterpret_cast<const std::int32_t*>(packed + layer.exact_bias)},
      images);
}

void LayerRunner::look_up(const TileLayer& layer, const FaultOperands* operands, const LayerImages& images) {
  LookUpJob job = look_up_job(m_constants, layer);
  job.images = static_cast<std::int64_t>(images.images) * layer.op->shape.planes;
  job.input = images.input;
  job.output = images.output;
  if (operands != nullptr) {
    job.table = reinterpret_cast<const std::int32_t*>(m_fault.data() + operands->table);
    job.multiplies_padding = operands->padding == PaddingTaps::multiply;
  }
  m_machine.run(job);
}

// Runs as many images at a time as their copies have room for.
void LayerRunner::run_products(const TileLayer& layer, const TileOperands& operands, const std::byte* block,
                               const Packed& packed, const LayerImages& images) {
  const ConvolutionShape& s = layer.op->shape;
  const std::size_t of_image = copies_of(layer, operands) * layer.copy_bytes();
  const std::size_t together =
      of_image == 0 ? images.images : std::min(images.images, m_copies.bytes() / of_image);
  const auto planes = static_cast<std::size_t>(s.planes);
  for (std::size_t first = 0; first < images.images; first += together)
    run_part(layer, operands, block, packed,
             {images.input + first * planes * s.in_plane(), images.output + first * planes * s.out_plane(),
              std::min(together, images.images - first)});
}

// Finds the classes of the weights, once for all images, then runs as many groups of images at a time as
// their words and sums have room for.
void LayerRunner::run_counted(const TileLayer& layer, const FaultLayer& fault, const LayerImages& images) {
  const ConvolutionShape& s = layer.op->shape;
  const FaultOperands& operands = *fault.operands;
  std::byte* place = m_counted.data();
  std::vector<const std::uint16_t*> classes;
  for (const FaultOperands::Plane& plane : operands.planes) {
    auto* const of_plane = reinterpret_cast<std::uint16_t*>(place);
    m_machine.run(ClassJob{m_constants.at<std::uint8_t>(layer.weights),
                           reinterpret_cast<const std::uint16_t*>(m_fault.data() + plane.of_weight), s.out_c,
                           s.filter_h * s.filter_w, s.in_c, of_plane});
    classes.push_back(of_plane);
    place += class_bytes(layer);
  }
  const std::size_t patterns = most_patterns(operands);
  const std::size_t room = static_cast<std::size_t>(m_counted.data() + m_counted.bytes() - place);
  const std::size_t copies = copies_of(layer, operands.products) * layer.copy_bytes();
  std::size_t together = room / (word_bytes(layer, patterns) + sum_bytes(layer)) * k_group;
  if (copies > 0) together = std::min(together, std::max<std::size_t>(m_copies.bytes() / copies, 1));
  for (std::size_t first = 0; first < images.images; first += together) {
    const LayerImages part{images.input + first * s.in_plane(), images.output + first * s.out_plane(),
                           std::min(together, images.images - first)};
    const std::size_t groups = (part.images + k_group - 1) / k_group;
    auto* const words = reinterpret_cast<std::uint32_t*>(place);
    auto* const sums = reinterpret_cast<std::int32_t*>(place + groups * word_bytes(layer, patterns));
    for (std::size_t p = 0; p < operands.planes.size(); ++p)
      count(s, operands.planes[p], classes[p], part, words, sums, p > 0);
    run_part(layer, operands.products, m_fault.data(), fault.packed, part, sums);
  }
}

void LayerRunner::count(const ConvolutionShape& s, const FaultOperands::Plane& plane,
                        const std::uint16_t* classes, const LayerImages& images, std::uint32_t* words,
                        std::int32_t* sums, bool adds) {
  const int count = static_cast<int>(images.images);
  m_machine.run(BitsJob{images.input, s.in_h * s.in_w, s.in_c, count, plane.pattern_words,
                        reinterpret_cast<const std::uint32_t*>(m_fault.data() + plane.patterns), words});
  m_machine.run(CountJob{s, count, plane.pattern_words * 32, words, classes, plane.factor, adds, sums});
}

void LayerRunner::run_part(const TileLayer& layer, const TileOperands& operands, const std::byte* block,
                           const Packed& packed, const LayerImages& images, const std::int32_t* counted) {
  const ConvolutionShape& s = layer.op->shape;
  CopyJob copy;
  copy.input = images.input;
  copy.shape = s;
  copy.is_unrolled = layer.is_unrolled;
  copy.rows = static_cast<std::int64_t>(images.images * layer.copy_rows());
  copy.pitch = layer.pitch;
  copy.copies = static_cast<int>(copies_of(layer, operands));
  copy.maps = reinterpret_cast<const std::uint32_t*>(
      block + (layer.copies_input ? operands.all_maps : operands.later_maps));
  copy.to = reinterpret_cast<std::uint8_t*>(m_copies.data());
  copy.copy_bytes = static_cast<std::int64_t>(images.images * layer.copy_bytes());
  if (copy.copies > 0) m_machine.run(copy);
  const auto* exact = reinterpret_cast<const std::int8_t*>(m_constants.packed.data() + layer.exact_weights);
  ProductJob job = product_job(m_constants, layer);
  job.terms = static_cast<int>(operands.terms.size());
  for (std::size_t t = 0; t < operands.terms.size(); ++t) {
    const TileOperands::Term& term = operands.terms[t];
    const std::size_t map = term.input_map;
    job.term[t].scale = term.scale;
    job.term[t].input = map < first_map(layer)
                            ? images.input
                            : copy.to + static_cast<std::int64_t>(map - first_map(layer)) * copy.copy_bytes;
    job.term[t].weights =
        term.weight_map == 0 ? exact : packed.mapped + (term.weight_map - 1) * layer.weight_bytes();
  }
  job.last_scale = operands.last_scale;
  job.bias = packed.bias;
  job.counted = counted;
  job.rows = static_cast<int>(images.images * static_cast<std::size_t>(s.planes) * s.out_pixels());
  job.output = images.output;
  m_machine.run(job);
}

}  // namespace qfi::tiles
