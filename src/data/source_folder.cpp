// SPDX-License-Identifier: Apache-2.0
// A folder of PNG or JPEG files. Labels: a text file with a name and a class per line, a folder of
// PNG class maps with the images' names, or a sub-folder of images per class.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"
#include "qfi/data/image.hpp"
#include "source.hpp"

namespace qfi {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_separators = ", \t\r";

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

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(k_separators);
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(k_separators) - first + 1);
}

// The class is the last field, or stands behind the last comma, blank or tab; names may hold all three.
// nullopt: there is none.
std::optional<LabelledFile> labelled_file(std::span<const std::string_view> fields) {
  LabelledFile file;
  if (fields.size() > 1 && parse_number(trimmed(fields.back()), file.label)) {
    file.name = trimmed(fmt::format("{}", fmt::join(fields.first(fields.size() - 1), ",")));
    return file;
  }
  const std::string line = fmt::format("{}", fmt::join(fields, ","));
  const std::string_view text = trimmed(line);
  const std::size_t separator = text.find_last_of(k_separators);
  if (separator == std::string::npos || !parse_number(text.substr(separator + 1), file.label))
    return std::nullopt;
  file.name = trimmed(text.substr(0, separator));
  return file;
}

// Two or more words, such as "file,class" or "image label": nothing that could name an image.
bool is_header(std::span<const std::string_view> fields) {
  const std::string line = fmt::format("{}", fmt::join(fields, ","));
  const auto is_of_words = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '#' ||
           k_separators.find(c) != std::string_view::npos;
  };
  const std::string_view text = trimmed(line);
  return text.find_first_of(k_separators) != std::string_view::npos && std::ranges::all_of(text, is_of_words);
}

// "name,class" or "name class" in each row; empty rows and a header are skipped. An image stands there once.
Result<Files> by_list(const fs::path& folder, const fs::path& list) {
  constexpr std::uint64_t k_max_list_bytes = std::uint64_t{1} << 30;
  QFI_TRY(const std::string text, read_file(list, k_max_list_bytes));
  Files files{folder, {}, {}, {}};
  std::set<std::string> known;
  CsvReader reader(text, list.string());
  bool is_first = true;
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    if (!is_there) return files;
    const auto fields = reader.fields();
    const std::string line(trimmed(fmt::format("{}", fmt::join(fields, ","))));
    if (line.empty()) continue;
    const std::optional<LabelledFile> file = labelled_file(fields);
    if (!file && std::exchange(is_first, false) && is_header(fields)) continue;
    is_first = false;
    if (!file) return bad_input("{}: '{}' is not a file name and a class number", reader.where(), line);
    const fs::path name = file->name;
    if (name.empty() || name.is_absolute() || std::ranges::find(name, fs::path("..")) != name.end())
      return bad_input("{}: '{}' does not name a file below {}", reader.where(), name.string(),
                       folder.string());
    if (!known.insert(name.lexically_normal().string()).second)
      return bad_input("{}: '{}' has a label already", reader.where(), name.string());
    files.names.push_back(name.string());
    files.labels.push_back(file->label);
  }
}

// Wherever the list names an image, all images of that folder have a label.
Result<void> check_all_are_listed(const Files& files, const fs::path& list) {
  std::map<fs::path, std::set<std::string>> listed;
  for (const std::string& name : files.names) {
    const fs::path path = fs::path(name).lexically_normal();
    listed[path.parent_path()].insert(path.filename().string());
  }
  for (const auto& [folder, names] : listed) {
    QFI_TRY(const auto images, entries(files.folder / folder, is_image));
    for (const std::string& image : images)
      if (!names.contains(image))
        return bad_input("{}: no label for {}; add it, or move the image out of the folder", list.string(),
                         (files.folder / folder / image).string());
  }
  return {};
}

// Each class map belongs to an image.
Result<void> check_maps(const fs::path& folder, const std::vector<std::string>& maps) {
  const auto is_png = [](const fs::path& path) { return path.extension() == ".png"; };
  QFI_TRY(const auto found, entries(folder, is_png));
  const std::set<std::string> expected(maps.begin(), maps.end());
  for (const std::string& name : found)
    if (!expected.contains(name))
      return bad_input("{}: no image has this class map; remove it", (folder / name).string());
  return {};
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
    QFI_CHECK(check_all_are_listed(files, config.labels.path));
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
  QFI_CHECK(check_maps(config.labels.path, maps));
  QFI_TRY(source.labels_sha256, hash_of_files(config.labels.path, maps, data_limit(config)));
  source.label_map = [maps, map_folder = config.labels.path](std::uint64_t i) -> Result<ClassMap> {
    const fs::path path = map_folder / maps[i];
    QFI_TRY(const std::string content, read_file(path));
    return decode_class_map(content, path.string());
  };
  return source;
}

}  // namespace qfi
