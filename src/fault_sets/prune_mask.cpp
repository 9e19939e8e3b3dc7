// SPDX-License-Identifier: Apache-2.0
#include "prune_mask.hpp"

#include <algorithm>

#include "qfi/base/log.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/model/stored_value.hpp"

namespace qfi {
namespace {

// Of a constant of at most 32 bits.
bool is_zero(const Tensor& tensor, std::uint64_t element) {
  return magnitude_of(tensor, false, read_bits(tensor, element)) == 0;
}

// By the name or number of any tensor of the memory.
Result<NpyArray> read_array(const std::filesystem::path& file, const Model& model, const ValuePlace& place) {
  auto first = read_npz(file, model.tensors[static_cast<std::size_t>(place.tensor)].name);
  if (first) return first;
  for (const int tensor : place.tensors)
    for (const std::string& name :
         {model.tensors[static_cast<std::size_t>(tensor)].name, std::to_string(tensor)})
      if (auto other = read_npz(file, name)) return other;
  return first;
}

}  // namespace

Result<std::vector<bool>> PruneMask::kept(const ValuePlace& place) const {
  const Tensor& tensor = tensor_of(place);
  std::vector<bool> is_kept(tensor.elements(), true);
  for (std::uint64_t i = 0; m_faults.masks_zeros && i < is_kept.size(); ++i) is_kept[i] = !is_zero(tensor, i);
  if (!m_faults.mask) return is_kept;
  QFI_TRY(const NpyArray mask, read_array(m_faults.mask->path, m_model, place));
  if (mask.elements() != tensor.elements())
    return bad_input("{}: the mask of '{}' has {} values, the tensor {}", m_faults.mask->path.string(),
                     tensor.name, mask.elements(), tensor.elements());
  const std::size_t bytes = mask.data.size() / tensor.elements();
  for (std::size_t i = 0; i < is_kept.size(); ++i) {
    const auto value = std::string_view(mask.data).substr(i * bytes, bytes);
    is_kept[i] = value.find_first_not_of('\0') != std::string_view::npos;
  }
  return is_kept;
}

Result<void> PruneMask::check(std::span<const ValuePlace> places, std::span<const ValuePlace> kept,
                              bool prunes) const {
  if (!is_given()) return {};
  if (m_faults.mask) QFI_CHECK(check_arrays(places));
  const std::string mask = m_faults.mask ? m_faults.mask->path.string() : "zeros";
  if (kept.empty()) {
    Selectable selectable{"tensors that it prunes wholly", {}};
    for (const ValuePlace& place : places) selectable.names.push_back(tensor_of(place).name);
    return selects_nothing("mask", "", fmt::format("{} leaves no value that can be hit", mask), selectable);
  }
  if (!prunes) log(LogLevel::warning, fmt::format("mask: {} prunes none of the chosen values", mask));
  return {};
}

// A mask of the whole network may stand beside some of its layers; a name that nothing has is a slip.
Result<void> PruneMask::check_arrays(std::span<const ValuePlace> places) const {
  const std::string file = m_faults.mask->path.string();
  QFI_TRY(const std::vector<std::string> arrays, npz_arrays(m_faults.mask->path));
  std::vector<std::string> unused;
  for (const std::string& array : arrays) {
    const bool is_used = std::ranges::any_of(places, [&](const ValuePlace& place) {
      return std::ranges::any_of(place.tensors, [&](int tensor) {
        return array == m_model.tensors[static_cast<std::size_t>(tensor)].name ||
               array == std::to_string(tensor);
      });
    });
    if (is_used) continue;
    if (!find_tensor(m_model, array)) {
      Selectable selectable{"chosen tensors", {}};
      for (const ValuePlace& place : places) selectable.names.push_back(tensor_of(place).name);
      return selects_nothing(
          "mask", array, fmt::format("{} has an array '{}', but the model has no such tensor", file, array),
          selectable);
    }
    unused.push_back(array);
  }
  if (!unused.empty())
    log(LogLevel::warning,
        fmt::format("mask: {}: arrays of tensors that are not chosen: {}", file, name_list(unused)));
  return {};
}

}  // namespace qfi
