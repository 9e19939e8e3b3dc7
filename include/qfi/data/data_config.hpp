// SPDX-License-Identifier: Apache-2.0
// Owns what the user says about images and labels: files, selection, and every change made to pixels. Plain
// values, which configs and command lines fill in and DataSet reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace qfi {

/// The default limit of one file's content, unpacked.
constexpr std::uint64_t k_data_memory = std::uint64_t{4} << 30;

/// A path as the user wrote it (this goes into results) and where it leads.
struct ConfigPath {
  std::string text;
  std::filesystem::path path;
};

/// cifar100_coarse: the 20 super-classes. images: a folder of PNG or JPEG files.
enum class DataFormat : std::uint8_t { cifar10, cifar100, cifar100_coarse, idx, npy, npz, images };

/// Whether labels come with the images, in the same file.
inline bool holds_labels(DataFormat format) {
  return format == DataFormat::cifar10 || format == DataFormat::cifar100 ||
         format == DataFormat::cifar100_coarse || format == DataFormat::npz;
}

/// How the numbers of an image follow each other. nhwc: rows of pixels of channels, as TFLite models take
/// them. nchw: channel by channel. flat: a row of numbers, in the order that the model takes them.
enum class DataLayout : std::uint8_t { nhwc, nchw, flat };

/// The longest side of images that are decoded, of crops and of resized images, in pixels.
constexpr int k_max_image_side = 1 << 14;

struct SelectAll {};
struct SelectFirst {
  std::uint64_t count;
};
struct SelectRandom {
  std::uint64_t count;
};  ///< without replacement, by the seed
struct SelectStratified {
  std::uint64_t count;
};  ///< random within classes, in the data's proportions
struct SelectList {
  std::vector<std::uint64_t> indices;
};
using ImageSelection = std::variant<SelectAll, SelectFirst, SelectRandom, SelectStratified, SelectList>;

enum class ColorMode : std::uint8_t { as_stored, rgb, grey };

/// The central part of an image: its largest square, a share of both sides, or a size.
struct CropSquare {};
struct CropShare {
  double share;  ///< 0 < share <= 1
};
struct CropSize {
  int height;
  int width;
};
using Crop = std::variant<std::monostate, CropSquare, CropShare, CropSize>;

/// bilinear: weighted over all pixels that an output pixel covers, as Pillow does it.
enum class ResizeMethod : std::uint8_t { bilinear, nearest };
struct Resize {
  int height = 0;
  int width = 0;
  ResizeMethod method = ResizeMethod::bilinear;
};

struct DataConfig {
  DataFormat format = DataFormat::npy;
  ConfigPath images;
  /// Empty where the images' file or sub-folders hold the labels, or there are none.
  ConfigPath labels;
  std::string images_array = "images";  ///< npz only
  std::string labels_array = "labels";
  DataLayout layout = DataLayout::nhwc;
  ImageSelection select = SelectAll{};
  int label_offset = 0;             ///< class = label + offset
  std::optional<int> ignore_label;  ///< class maps only: pixels with it are not counted
  std::optional<double> golden;     ///< the accuracy that the fault-free network is known to have
  // Done in this order, on pixels of 0..255; class maps are cropped and resized (nearest) alike.
  ColorMode color = ColorMode::as_stored;
  Crop crop;
  std::optional<Resize> resize;
  std::uint64_t max_bytes = k_data_memory;  ///< what this run may read of a file; no part of the campaign
};

/// real = scale * (value - mean), per channel or with one number for all; both empty: values are not
/// scaled, see DataSet::read_inputs.
struct InputScaling {
  std::vector<double> scale;      ///< empty: 1
  std::vector<double> mean;       ///< empty: 0
  bool reverse_channels = false;  ///< first, e.g. RGB files for a BGR model

  bool scales() const { return !scale.empty() || !mean.empty(); }
};

/// What is read from a network.
struct Metric {
  std::string tensor = "output";    ///< holds the scores: a tensor's name, or "output" for the first output
  std::optional<double> threshold;  ///< of an output of one value: class 1 lies above; default 0.5
};

/// What a network is fed with, and what is read from it.
struct DataAndInput {
  DataConfig data;
  InputScaling input;
  Metric metric;
  std::uint64_t seed = 1;  ///< of random selections, and of all that a campaign draws
};

}  // namespace qfi
