// SPDX-License-Identifier: Apache-2.0
// A folder of PNG or JPEG files. Labels: a text file with a name and a class per line, a folder of
// PNG class maps with the images' names, or a sub-folder of images per class.
#include <algorithm>
#include <optional>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"
#include "qfi/data/image.hpp"
#include "source.hpp"

namespace qfi {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_separators = ", \t";

struct Files {
  fs::path folder;
  std::vector<std::string> names;  ///< below the folder
  std::vector<std::int64_t> labels;
  std::vector<std::string> class_names;
};

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Names in byte order, whatever the file system says; hidden ones are left out.
Result<std::vector<std::string>> entries(const fs::path& folder, bool (*wanted)(const fs::path&)) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with('.') && wanted(it->path())) names.push_back(name);
  }
  if (error) return bad_input("{}: {}", folder.string(), error.message());
  std::ranges::sort(names);
  return names;
}

// One folder of images, or one per class: not both.
Result<Files> by_folders(const fs::path& folder) {
  Files files{folder, {}, {}, {}};
  QFI_TRY(files.names, entries(folder, is_image));
  QFI_TRY(files.class_names, entries(folder, is_folder));
  if (files.class_names.empty()) return files;
  if (!files.names.empty())
    return bad_input("{}: holds both images and folders; classes are folders of images, nothing else",
                     folder.string());
  for (std::size_t c = 0; c < files.class_names.size(); ++c) {
    QFI_TRY(const auto names, entries(folder / files.class_names[c], is_image));
    if (names.empty())
      return bad_input("{}: a class without images", (folder / files.class_names[c]).string());
    for (const std::string& name : names) {
      files.names.push_back(files.class_names[c] + "/" + name);
      files.labels.push_back(static_cast<std::int64_t>(c));
    }
  }
  return files;
}

Result<Files> one_folder(const fs::path& folder) {
  Files files{folder, {}, {}, {}};
  QFI_TRY(files.names, entries(folder, is_image));
  return files;
}

struct LabelledFile {
  std::string name;
  std::int64_t label = 0;
};

// The class stands behind the last comma, blank or tab; names may hold all three. nullopt: there is none.
std::optional<LabelledFile> labelled_file(std::string_view line) {
  LabelledFile file;
  const std::size_t separator = line.find_last_of(k_separators);
  if (separator == std::string::npos || !parse_number(line.substr(separator + 1), file.label))
    return std::nullopt;
  file.name = line.substr(0, line.find_last_not_of(k_separators, separator) + 1);
  return file;
}

// "name,class" or "name class"; empty lines, and a first line that names no file, are skipped.
Result<Files> by_list(const fs::path& folder, const fs::path& list) {
  constexpr std::uint64_t k_max_list_bytes = std::uint64_t{1} << 30;
  QFI_TRY(const std::string text, read_file(list, k_max_list_bytes));
  Files files{folder, {}, {}, {}};
  CsvReader reader(text, list.string());
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    if (!is_there) return files;
    std::string line = fmt::format("{}", fmt::join(reader.fields(), ","));
    while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
    if (line.empty()) continue;
    const std::optional<LabelledFile> file = labelled_file(line);
    if (!file) {
      std::error_code ignored;
      if (reader.line() == 1 &&
          !fs::exists(folder / line.substr(0, line.find_first_of(k_separators)), ignored))
        continue;
      return bad_input("{}: '{}' is not a file name and a class number", reader.where(), line);
    }
    const fs::path name = file->name;
    if (name.empty() || name.is_absolute() || std::ranges::find(name, fs::path("..")) != name.end())
      return bad_input("{}: '{}' does not name a file below {}", reader.where(), name.string(),
                       folder.string());
    files.names.push_back(name.string());
    files.labels.push_back(file->label);
  }
}

// Of all files, by name and content.
Result<std::string> hash_of_files(const fs::path& folder, const std::vector<std::string>& names,
                                  const ByteLimit& limit) {
  std::string hashes;
  for (const std::string& name : names) {
    QFI_TRY(const std::string hash, sha256_of_file(folder / name, limit));
    hashes += hash + "  " + name + "\n";
  }
  return sha256_hex(bytes_of(hashes));
}

}  // namespace

Result<DataSource> open_image_folder(const DataConfig& config) {
  const fs::path& folder = config.images.path;
  const bool has_labels = !config.labels.text.empty();
  const bool has_maps = has_labels && is_folder(config.labels.path);
  Files files;
  if (has_maps) {
    QFI_TRY(files, one_folder(folder));
  } else if (has_labels) {
    QFI_TRY(files, by_list(folder, config.labels.path));
  } else {
    QFI_TRY(files, by_folders(folder));
  }
  if (files.names.empty()) return bad_input("{}: no .png, .jpg or .jpeg files", folder.string());
  DataSource source;
  source.count = files.names.size();
  source.labels = files.labels;
  source.class_names = files.class_names;
  QFI_TRY(source.images_sha256, hash_of_files(folder, files.names, data_limit(config)));
  if (has_labels && !has_maps) {
    QFI_TRY(source.labels_sha256, sha256_of_file(config.labels.path, data_limit(config)));
  }
  const bool drop_alpha = config.color != ColorMode::as_stored;
  source.image = [files, drop_alpha](std::uint64_t i) -> Result<Values> {
    const fs::path path = files.folder / files.names[i];
    QFI_TRY(const std::string content, read_file(path));
    QFI_TRY(const Image image, decode_image(content, path.string(), drop_alpha));
    return values_of(image);
  };
  if (!has_maps) return source;
  std::vector<std::string> maps;
  for (const std::string& name : files.names) maps.push_back(fs::path(name).stem().string() + ".png");
  QFI_TRY(source.labels_sha256, hash_of_files(config.labels.path, maps, data_limit(config)));
  source.label_map = [maps, map_folder = config.labels.path](std::uint64_t i) -> Result<ClassMap> {
    const fs::path path = map_folder / maps[i];
    QFI_TRY(const std::string content, read_file(path));
    return decode_class_map(content, path.string());
  };
  return source;
}

}  // namespace qfi
