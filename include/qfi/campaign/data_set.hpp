// SPDX-License-Identifier: Apache-2.0
// Images and labels from the user's files, and which of them a campaign uses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/campaign/config.hpp"

namespace qfi {

/// The selected images in rising order of their place in the file.
struct DataSet {
  std::vector<std::uint64_t> indices;  ///< place of each image in the file
  std::vector<std::uint64_t> shape;    ///< of one image: [height, width, channels], or as the .npy says
  std::vector<float> values;           ///< [image][element], as in the file
  std::vector<int> labels;             ///< class of each image, label_offset added
  std::uint64_t available = 0;         ///< images in the file
  std::string images_sha256;           ///< of the files
  std::string labels_sha256;           ///< empty: the images' file holds the labels
  std::string selection_hash;          ///< of `indices`

  std::size_t images() const { return indices.size(); }
  std::size_t elements() const { return images() == 0 ? 0 : values.size() / images(); }
};

/// `seed` draws the random selections. Errors: damaged or short files, different numbers of
/// images and labels, a selection that the file cannot give.
Result<DataSet> load_data_set(const DataConfig& config, std::uint64_t seed);

/// Every label is a class: 0 .. classes-1. The error names file, image and label.
Result<void> check_labels(const DataSet& data, const DataConfig& config, std::size_t classes);

/// The images as the input tensor stores them, one after the other. Without scaling, value v
/// becomes the v-th code of the type (0 -> smallest), which needs whole values 0..255, or for
/// FLOAT32 the value itself. Error: shapes differ (dimensions of size 1 aside; flat ones match any).
Result<std::vector<std::byte>> to_input_tensor(const DataSet& data, const Tensor& input,
                                               const std::optional<InputScaling>& scaling);

}  // namespace qfi
