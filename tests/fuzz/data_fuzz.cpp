// SPDX-License-Identifier: Apache-2.0
// Images, labels, arrays: the first byte says what the rest is.
#include "fuzz.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/data/data_set.hpp"

namespace qfi::fuzz {
namespace {

void open(DataFormat format, std::string_view images, std::string_view labels) {
  DataConfig config;
  config.format = format;
  config.images.path = write("images", images);
  if (!labels.empty() && !holds_labels(format)) config.labels.path = write("labels", labels);
  const auto data = DataSet::open(config, 1);
  if (!data || data->images() == 0) return;
  for (const std::size_t k : {std::size_t{0}, data->images() - 1}) {
    static_cast<void>(data->image(k));
    if (data->has_label_maps()) static_cast<void>(data->label_map(k));
  }
  static_cast<void>(data->check_labels(10));
}

// The input in two: images, and labels behind the first "LABELS".
std::pair<std::string_view, std::string_view> halves(std::string_view input) {
  constexpr std::string_view k_mark = "LABELS";
  const std::size_t place = input.find(k_mark);
  if (place == std::string_view::npos) return {input, {}};
  return {input.substr(0, place), input.substr(place + k_mark.size())};
}

}  // namespace

void run(std::string_view input) {
  const std::uint8_t what = choice(input);
  const std::string text(input);
  const auto [images, labels] = halves(input);
  switch (what % 10) {
    case 0: return open(DataFormat::cifar10, images, labels);
    case 1: return open(DataFormat::cifar100, images, labels);
    case 2: return open(DataFormat::idx, images, labels);
    case 3: return open(DataFormat::npy, images, labels);
    case 4: return open(DataFormat::npz, images, labels);
    case 5: return static_cast<void>(decode_png(text, "fuzz", what >= 128));
    case 6: return static_cast<void>(decode_jpeg(text, "fuzz"));
    case 7: return static_cast<void>(decode_class_map(text, "fuzz"));
    case 8: return static_cast<void>(read_npz(write("array.npz", input), "a", 1 << 20));
    default: return static_cast<void>(read_npy(write("array.npy", input)));
  }
}

}  // namespace qfi::fuzz
