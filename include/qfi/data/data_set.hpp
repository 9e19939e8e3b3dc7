// SPDX-License-Identifier: Apache-2.0
// Owns the user's data. A DataConfig goes in; image files become input tensors, and label files become
// classes or class maps. Files are read at once and checked; images are decoded and converted one block at a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/data/data_config.hpp"
#include "qfi/data/image.hpp"
#include "qfi/model/model.hpp"

namespace qfi {

/// Numbers of one image: [height][width][channels], or as the .npy file says.
struct Values {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
};

/// What a reader of one format found, before the selection.
struct DataSource {
  std::uint64_t count = 0;
  std::function<Result<Values>(std::uint64_t)> image;
  std::vector<std::int64_t> labels;                          ///< a class for each image; may be empty
  std::vector<std::string> class_names;                      ///< of class sub-folders, by class; else empty
  std::function<Result<ClassMap>(std::uint64_t)> label_map;  ///< may be empty
  std::optional<TensorType> signed_type;  ///< INT8, INT16: the type that the file stores images as
  std::string images_sha256;
  std::string labels_sha256;  ///< empty: the images' file holds the labels, or there are none
};

class DataSet {
 public:
  /// `seed` draws the random selections. `inputs`: the names of a model's inputs, if it has several; the data
  /// are an .npz archive then, which holds an array for each. Errors: damaged or short files, different
  /// numbers of images and labels, a selection that the files cannot give.
  static Result<DataSet> open(const DataConfig& config, std::uint64_t seed,
                              const std::vector<std::string>& inputs = {});

  /// Puts the selected images in random order; the hash of the selection stays.
  void shuffle(std::uint64_t seed);

  std::size_t images() const { return m_indices.size(); }
  /// Place of each selected image in the file, in the order of the selection.
  const std::vector<std::uint64_t>& indices() const { return m_indices; }
  std::uint64_t available() const { return m_source.count; }
  const std::string& images_sha256() const { return m_source.images_sha256; }
  const std::string& labels_sha256() const { return m_source.labels_sha256; }
  const std::string& selection_hash() const { return m_selection_hash; }

  /// Class of each selected image, label_offset added; empty: there are none.
  const std::vector<int>& labels() const { return m_labels; }
  bool has_label_maps() const { return m_source.label_map != nullptr; }
  const std::vector<std::string>& class_names() const { return m_source.class_names; }

  /// Selected image k, cropped, resized and with the colours asked for.
  Result<Values> image(std::size_t k) const;
  /// Class of each pixel of selected image k, label_offset added; ignored pixels are k_ignored.
  /// Error: any other negative class.
  Result<ClassMap> label_map(std::size_t k) const;
  static constexpr int k_ignored = -1;

  /// Error, naming file, image and label: a label is no class 0 .. classes-1.
  Result<void> check_labels(std::size_t classes) const;

  /// Images first .. first+count-1 as the input tensor stores them. Without scaling, arrays of the
  /// input's own INT8 or INT16 type hold the codes; else value v becomes the v-th code of an 8-bit
  /// type (0 -> smallest), which needs whole values 0..255, or for FLOAT32 the value itself.
  /// Channels are the last of the input's 4 dimensions. Errors: shapes differ (dimensions of size 1
  /// aside, and images of one channel for an input that is a row), the type needs a scaling, or a value is
  /// not finite. Of several inputs, the name tells which array is read.
  Result<std::vector<std::byte>> read_inputs(std::size_t first, std::size_t count, const Tensor& input,
                                             const InputScaling& scaling) const;

 private:
  std::string place_of(std::size_t k) const;
  const DataSource& source_of(const Tensor& input) const;
  Result<Values> changed(Values values, std::size_t k) const;
  Result<Values> image_for(std::size_t k, const Tensor& input) const;

  DataConfig m_config;
  DataSource m_source;
  std::map<std::string, DataSource> m_inputs;  ///< by the input's name, where the model has several
  std::vector<std::uint64_t> m_indices;
  std::vector<int> m_labels;
  std::string m_selection_hash;
};

}  // namespace qfi
