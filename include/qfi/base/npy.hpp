// SPDX-License-Identifier: Apache-2.0
// NumPy's arrays: .npy files (versions 1 to 3, C order, little-endian) and members of .npz archives go in,
// type, shape and bytes come out; and the other way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "qfi/base/file.hpp"
#include "qfi/base/result.hpp"

namespace qfi {

struct NpyArray {
  std::string type;                  ///< NumPy's code without byte order: "i1", "u1", "i4", "f4", ..
  std::vector<std::uint64_t> shape;  ///< outermost first
  std::string data;                  ///< the elements, C order, little-endian

  std::uint64_t elements() const;
};

/// Errors: the file is no .npy file, it is in Fortran order or big-endian, its type is not known, or its size
/// is not as the header says.
Result<NpyArray> read_npy(const std::filesystem::path& path, const ByteLimit& limit = {});

/// The array `array` of an .npz archive; the error lists what is there.
Result<NpyArray> read_npz(const std::filesystem::path& path, const std::string& array,
                          const ByteLimit& limit = {});

/// The names of the arrays of an .npz archive, in its order.
Result<std::vector<std::string>> npz_arrays(const std::filesystem::path& path, const ByteLimit& limit = {});

/// What stands before the data in an .npy file (version 1).
std::string npy_header(const std::string& type, std::span<const std::uint64_t> shape);

/// The bytes of an .npy file.
std::string npy_bytes(const std::string& type, std::span<const std::uint64_t> shape,
                      std::span<const std::byte> data);

}  // namespace qfi
