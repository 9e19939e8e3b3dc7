// SPDX-License-Identifier: Apache-2.0
// The readers of the formats.
#pragma once

#include "qfi/base/file.hpp"
#include "qfi/data/data_set.hpp"

namespace qfi {

Result<DataSource> open_cifar(const DataConfig& config);
Result<DataSource> open_idx(const DataConfig& config);
Result<DataSource> open_npy(const DataConfig& config);
Result<DataSource> open_npz(const DataConfig& config);
Result<DataSource> open_image_folder(const DataConfig& config);

/// The pixels as numbers.
Values values_of(const Image& image);

inline ByteLimit data_limit(const DataConfig& config) { return {config.max_bytes, "--data-memory"}; }

/// Of the file as it lies on disk, so that `sha256sum` agrees.
Result<std::string> sha256_of_file(const std::filesystem::path& file, const ByteLimit& limit);

}  // namespace qfi
