// SPDX-License-Identifier: Apache-2.0
#include "data_options.hpp"

#include <charconv>

#include "campaign_options.hpp"

namespace qfi::cli {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, DataFormat> k_formats = {{"cifar10", DataFormat::cifar10},
                                                     {"cifar100", DataFormat::cifar100},
                                                     {"cifar100_coarse", DataFormat::cifar100_coarse},
                                                     {"idx", DataFormat::idx},
                                                     {"npy", DataFormat::npy},
                                                     {"npz", DataFormat::npz},
                                                     {"images", DataFormat::images}};

Result<DataFormat> format_of(const DataOptions& options) {
  if (!options.format.empty()) return k_formats.at(options.format);
  const fs::path path = options.data;
  const std::string extension = path.extension().string();
  if (fs::is_directory(path)) return DataFormat::images;
  if (extension == ".npy") return DataFormat::npy;
  if (extension == ".npz") return DataFormat::npz;
  if (path.filename().string().find("-idx") != std::string::npos) return DataFormat::idx;
  return bad_input("{}: its name does not tell the format; say --format", options.data);
}

template <class T>
Result<T> number(const std::string& option, std::string_view text) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || !(value > T{0}))
    return bad_input("{}: '{}' is not a positive number", option, text);
  return value;
}

// "first:100"
Result<ImageSelection> selection(const std::string& text) {
  if (text == "all") return SelectAll{};
  const auto colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  if (colon == std::string::npos || (kind != "first" && kind != "random" && kind != "stratified"))
    return bad_input("--select {}: all, first:N, random:N or stratified:N", text);
  QFI_TRY(const auto count, number<std::uint64_t>("--select", std::string_view(text).substr(colon + 1)));
  if (kind == "first") return SelectFirst{count};
  if (kind == "random") return SelectRandom{count};
  return SelectStratified{count};
}

// "HxW"
Result<CropSize> size(const std::string& option, const std::string& text) {
  constexpr int k_most = 1 << 14;
  const auto cross = text.find('x');
  if (cross == std::string::npos) return bad_input("{}: '{}' is not HEIGHTxWIDTH", option, text);
  CropSize result{};
  QFI_TRY(result.height, number<int>(option, std::string_view(text).substr(0, cross)));
  QFI_TRY(result.width, number<int>(option, std::string_view(text).substr(cross + 1)));
  if (result.height > k_most || result.width > k_most) return bad_input("{}: at most {}", option, k_most);
  return result;
}

Result<Crop> crop(const std::string& text) {
  if (text.empty()) return Crop{};
  if (text == "square") return CropSquare{};
  if (text.find('x') == std::string::npos) {
    QFI_TRY(const double share, number<double>("--crop", text));
    if (share > 1.0) return bad_input("--crop {}: a share is at most 1", text);
    return CropShare{share};
  }
  QFI_TRY(const CropSize result, size("--crop", text));
  return result;
}

Result<std::optional<Resize>> resize(const std::string& text) {
  if (text.empty()) return std::optional<Resize>();
  const auto colon = text.find(':');
  QFI_TRY(const CropSize result, size("--resize", text.substr(0, colon)));
  const std::string method = colon == std::string::npos ? "bilinear" : text.substr(colon + 1);
  if (method != "bilinear" && method != "nearest")
    return bad_input("--resize {}: the method is bilinear or nearest", text);
  return Resize{result.height, result.width,
                method == "nearest" ? ResizeMethod::nearest : ResizeMethod::bilinear};
}

}  // namespace

void add_data_options(CLI::App& command, DataOptions& o) {
  command
      .add_option("--data", o.data,
                  "images: a file or folder; or a .yaml with 'data' and 'input' as in a campaign config")
      ->required()
      ->type_name("PATH");
  command.add_option("--format", o.format, "of the images (default: by the name)")
      ->check(CLI::IsMember(k_formats))
      ->type_name("FORMAT");
  command.add_option("--labels", o.labels, "classes: a file; class maps: a file or folder")
      ->type_name("PATH");
  command
      .add_option("--arrays", o.arrays, "names in an .npz: images, or images,labels (default images,labels)")
      ->delimiter(',')
      ->type_name("NAMES");
  command.add_option("--select", o.select, "which images: all, first:N, random:N, stratified:N")
      ->capture_default_str()
      ->type_name("WHICH");
  command.add_option("--label-offset", o.label_offset, "class = label + offset")->capture_default_str();
  command.add_option("--ignore-label", o.ignore_label, "pixels of class maps that are not counted");
  command.add_option("--color", o.color, "decode images as")
      ->check(CLI::IsMember({"as_stored", "rgb", "grey"}))
      ->capture_default_str();
  command.add_option("--crop", o.crop, "central part: square, a share like 0.875, or HxW")->type_name("PART");
  command.add_option("--resize", o.resize, "after the crop: HxW, bilinear, or HxW:nearest")->type_name("HxW");
  command.add_option("--scale", o.scale, "input = scale * (value - mean); one number, or one per channel")
      ->delimiter(',')
      ->type_name("S");
  command.add_option("--mean", o.mean, "see --scale")->delimiter(',')->type_name("M");
  command.add_flag("--reverse-channels", o.reverse_channels, "RGB images for a BGR model, or the reverse");
  command.add_option("--define", o.defines, "value of ${NAME} in the .yaml's paths")->type_name("NAME=VALUE");
}

Result<DataAndInput> read_data_options(const DataOptions& o) {
  const std::string extension = fs::path(o.data).extension().string();
  if (extension == ".yaml" || extension == ".yml") {
    QFI_TRY(const ConfigParams params, config_params(o.defines));
    return read_data_config(o.data, params);
  }
  DataAndInput result;
  DataConfig& data = result.data;
  data.images = {o.data, o.data};
  QFI_TRY(data.format, format_of(o));
  if (!o.labels.empty()) data.labels = {o.labels, o.labels};
  if (!o.arrays.empty()) {
    if (data.format != DataFormat::npz || o.arrays.size() > 2)
      return bad_input("--arrays: one or two names, for .npz files");
    data.images_array = o.arrays[0];
    data.labels_array = o.arrays.size() == 2 ? o.arrays[1] : "";
  }
  QFI_TRY(data.select, selection(o.select));
  data.label_offset = o.label_offset;
  data.ignore_label = o.ignore_label;
  data.color = o.color == "rgb" ? ColorMode::rgb : o.color == "grey" ? ColorMode::grey : ColorMode::as_stored;
  QFI_TRY(data.crop, crop(o.crop));
  QFI_TRY(data.resize, resize(o.resize));
  if (!o.scale.empty() || !o.mean.empty() || o.reverse_channels) {
    InputScaling scaling;
    if (!o.scale.empty()) scaling.scale = o.scale;
    if (!o.mean.empty()) scaling.mean = o.mean;
    scaling.reverse_channels = o.reverse_channels;
    result.input = scaling;
  }
  return result;
}

}  // namespace qfi::cli
