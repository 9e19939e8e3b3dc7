// SPDX-License-Identifier: Apache-2.0
// The keys `data` and `input` of a config.
#include "config_keys.hpp"
#include "values.hpp"

namespace qfi {
namespace {

constexpr int k_largest_label = 1'000'000;

Key images_key(std::string name, std::uint64_t& count, std::string sentence) {
  return {.name = std::move(name),
          .value = number(count, std::uint64_t{1}, k_largest<std::uint64_t>),
          .is_required = true,
          .unit = "images",
          .sentence = std::move(sentence),
          .example = "100"};
}

// In the order given, which is the order of the run.
Value image_numbers(std::vector<std::uint64_t>& place) {
  Value value = number_set(place, std::uint64_t{0}, k_largest<std::uint64_t>);
  value.read = [&place](const ConfigReader&, const YamlNode& node) -> Result<void> {
    if (!node.is_list()) return node.error("'list' must be a list of image numbers");
    if (node.items().empty()) return node.error("'list' is empty");
    for (const YamlNode& item : node.items()) {
      QFI_TRY(place.emplace_back(), item.number(std::uint64_t{0}, k_largest<std::uint64_t>));
    }
    return {};
  };
  return value;
}

Value selection(ImageSelection& select) {
  return one_of({word<SelectAll>(select, "all"), form<SelectFirst>(select, "first: n"),
                 form<SelectRandom>(select, "random: n"), form<SelectStratified>(select, "stratified: n"),
                 form<SelectList>(select, "list: [..]")});
}

Key side_key(std::string name, int& side) {
  std::string sentence = "The image has this " + name + " then.";
  return {.name = std::move(name),
          .value = number(side, 1, k_max_image_side),
          .is_required = true,
          .unit = "pixels",
          .sentence = std::move(sentence),
          .example = "224"};
}

Value crop_value(Crop& crop) {
  return one_of({word<CropSquare>(crop, "square"), form<CropShare>(crop, "share: s"),
                 form<CropSize>(crop, "height: h, width: w")});
}

KeyTable array_keys(DataConfig& data) {
  return {{.name = "images",
           .value = text(data.images_array),
           .sentence = "The array of the images has this name.",
           .example = "x_test"},
          {.name = "labels",
           .value = text(data.labels_array),
           .sentence = "The array of the labels has this name.",
           .example = "y_test"}};
}

std::string labels_refusal(DataFormat format) {
  if (format == DataFormat::npz) return "an archive holds its labels; name them in 'arrays'";
  return holds_labels(format) ? "the CIFAR formats hold their own labels; leave 'labels' out" : "";
}

KeyTable file_keys(DataConfig& data) {
  return {
      {.name = "format",
       .value = choice(data.format, k_formats),
       .is_required = true,
       .sentence =
           "The files have this format: the `cifar` formats are binary batches, `idx` may be gzipped, "
           "`images` is a folder of PNG and JPEG files.",
       .example = "npy"},
      {.name = "images",
       .value = path(data.images),
       .is_required = true,
       .sentence = "Images are read from this file or folder.",
       .example = "images.npy"},
      {.name = "labels",
       .value = path(data.labels),
       .refusal = [&data] { return labels_refusal(data.format); },
       .sentence =
           "Labels are read from this file: of `npy` and `idx` classes, or class maps; with `images` it is "
           "a text file of names and classes or a folder of PNG class maps, and without it the "
           "sub-folders are the classes. Without labels classes are compared with the golden run's, and "
           "there is no accuracy.",
       .example = "labels.npy"},
      {.name = "arrays",
       .value = map(array_keys(data)),
       .refusal =
           [&data] { return data.format == DataFormat::npz ? "" : "'arrays' belongs to the npz format"; },
       .sentence = "An archive of format `npz` holds images and labels in these arrays.",
       .example = "{images: x_test, labels: y_test}"},
      {.name = "layout",
       .value = choice(data.layout, k_layouts),
       .is_written = [&data] { return data.layout != DataLayout::nhwc; },
       .sentence =
           "The numbers of an image follow each other like this: `nhwc` is rows of pixels of channels, "
           "`nchw` is channel by channel (arrays alone), `flat` is a row of numbers in the order that the "
           "model takes them.",
       .example = "nchw"}};
}

KeyTable label_keys(DataConfig& data) {
  return {
      {.name = "select",
       .value = selection(data.select),
       .sentence = "These images of the data are used.",
       .example = "{first: 100}"},
      {.name = "label_offset",
       .value = number(data.label_offset, -k_largest_label, k_largest_label),
       .sentence = "An image's class is its label plus this: 1 where class 0 of the model is the background.",
       .example = "1"},
      {.name = "ignore_label",
       .value = maybe(data.ignore_label,
                      [](int& label) { return number(label, -k_largest_label, k_largest_label); }),
       .sentence = "Pixels of class maps that have this label are not counted.",
       .example = "255"},
      {.name = "golden",
       .value = maybe(data.golden, [](double& accuracy) { return number(accuracy, 0.0, 1.0); }),
       .is_written = [&data] { return data.golden.has_value(); },
       .sentence =
           "The fault-free network is known to have this accuracy on such images; a golden run that falls "
           "far below it is warned of.",
       .example = "0.87"}};
}

KeyTable pixel_keys(DataConfig& data) {
  return {
      {.name = "color",
       .value = choice(data.color, k_colors),
       .is_written = [&data] { return data.color != ColorMode::as_stored; },
       .sentence = "Pixels stay as they are stored, or become RGB or grey, which drops an alpha channel.",
       .example = "rgb"},
      {.name = "crop",
       .value = crop_value(data.crop),
       .sentence = "The central part of each image is used alone: its largest square, a share of both sides, "
                   "or a size.",
       .example = "square"},
      {.name = "resize",
       .value = maybe(data.resize, [](Resize& resize) { return map_of(resize); }),
       .sentence = "Images are resized to this after the crop; without it an image of another shape than the "
                   "model's input is an error.",
       .example = "{height: 96, width: 96}"}};
}

Value numbers_per_channel(std::vector<double>& numbers) {
  constexpr double k_large = 1e30;
  return number_or_numbers(numbers, -k_large, k_large);
}

}  // namespace

KeyTable keys_of(SelectFirst& select) {
  return {images_key("first", select.count, "The first so many images are used.")};
}

KeyTable keys_of(SelectRandom& select) {
  return {images_key("random", select.count, "So many images are drawn without replacement, by the seed.")};
}

KeyTable keys_of(SelectStratified& select) {
  return {images_key("stratified", select.count,
                     "So many images are drawn by the seed, in the proportions of the classes in the data.")};
}

KeyTable keys_of(SelectList& select) {
  return {{.name = "list",
           .value = image_numbers(select.indices),
           .is_required = true,
           .sentence = "The images with these numbers are used in this order; the first of the file is 0.",
           .example = "[0, 7, 12]"}};
}

KeyTable keys_of(CropShare& crop) {
  return {{.name = "share",
           .value = number(crop.share, 1e-6, 1.0),
           .is_required = true,
           .sentence = "Both sides of the central part have this share of the image's.",
           .example = "0.875"}};
}

KeyTable keys_of(CropSize& crop) { return {side_key("height", crop.height), side_key("width", crop.width)}; }

KeyTable keys_of(Resize& resize) {
  return {side_key("height", resize.height),
          side_key("width", resize.width),
          {.name = "method",
           .value = choice(resize.method, k_methods),
           .sentence =
               "`bilinear` does to the bit what Pillow does; `nearest` takes the nearest pixel, as is always "
               "done with class maps.",
           .example = "nearest"}};
}

KeyTable keys_of(DataConfig& data) { return joined({file_keys(data), label_keys(data), pixel_keys(data)}); }

KeyTable keys_of(InputScaling& input) {
  return {
      {.name = "scale",
       .value = numbers_per_channel(input.scale),
       .default_text = "1 where mean is given",
       .sentence = "A pixel less the mean is multiplied by this: one number, or one for each channel.",
       .example = "0.0078125"},
      {.name = "mean",
       .value = numbers_per_channel(input.mean),
       .default_text = "0 where scale is given",
       .sentence = "This is subtracted from each pixel: one number, or one for each channel.",
       .example = "[123.7, 116.3, 103.5]"},
      {.name = "channels",
       .value = choice<bool>(input.reverse_channels, {{"as_stored", false}, {"reversed", true}}),
       .is_written = [&input] { return input.reverse_channels; },
       .sentence = "`reversed` reverses the order of the channels first, as for RGB files and a BGR model.",
       .example = "reversed"}};
}

}  // namespace qfi
