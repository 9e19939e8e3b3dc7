// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/config.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/campaign/config_names.hpp"
#include "yaml_reader.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_max_config_bytes = 1 << 20;
constexpr std::uint64_t k_most = std::numeric_limits<std::uint64_t>::max();

const std::vector<std::string> k_keys = {"model",    "data",   "input", "faults",  "sample", "metric",
                                         "interval", "verify", "seed",  "threads", "output"};

class Reader {
 public:
  Reader(std::filesystem::path folder, const ConfigParams& params)
      : m_folder(std::move(folder)), m_params(params) {}

  Result<CampaignConfig> read(const YamlNode& root) {
    QFI_CHECK(root.check_keys(k_keys));
    CampaignConfig config;
    QFI_TRY(const YamlNode model, root.at("model"));
    QFI_TRY(config.model, path(model, m_folder));
    QFI_TRY(DataAndInput data, read_data_and_input(root));
    config.data = std::move(data.data);
    config.input = std::move(data.input);
    config.seed = data.seed;
    config.metric_tensor = data.metric_tensor;
    const bool needs_labels = config.data.format == DataFormat::idx || config.data.format == DataFormat::npy;
    if (needs_labels && config.data.labels.text.empty()) {
      QFI_TRY(const YamlNode node, root.at("data"));
      return node.error("key 'labels' is missing in 'data'");
    }
    QFI_TRY(const YamlNode faults, root.at("faults"));
    QFI_TRY(config.faults, read_faults(faults));
    QFI_TRY(const YamlNode sample, root.at("sample"));
    QFI_TRY(config.sample, read_sample(sample));
    if (const auto interval = root.find("interval")) {
      QFI_CHECK(interval->check_keys({"confidence"}));
      QFI_TRY(const YamlNode confidence, interval->at("confidence"));
      QFI_TRY(config.interval_confidence, fraction(confidence));
    }
    QFI_CHECK(read_number(root, "verify", std::uint64_t{0}, std::uint64_t{1'000'000}, config.verify));
    if (const auto threads = root.find("threads")) {
      QFI_TRY(config.threads, threads->number(1U, 4096U));
    }
    QFI_TRY(const YamlNode output, root.at("output"));
    QFI_TRY(config.output, path(output, std::filesystem::path()));
    return config;
  }

  Result<DataAndInput> read_data_and_input(const YamlNode& root) {
    QFI_CHECK(root.check_keys(k_keys));
    DataAndInput result;
    QFI_TRY(const YamlNode data, root.at("data"));
    QFI_TRY(result.data, read_data(data));
    if (const auto input = root.find("input")) {
      QFI_TRY(result.input, read_input(*input));
    }
    if (const auto metric = root.find("metric")) {
      QFI_CHECK(metric->check_keys({"tensor"}));
      QFI_TRY(const YamlNode tensor, metric->at("tensor"));
      QFI_TRY(result.metric_tensor, tensor.text());
    }
    QFI_CHECK(read_number(root, "seed", std::uint64_t{0}, k_most, result.seed));
    return result;
  }

 private:
  template <class T>
  static Result<void> read_number(const YamlNode& parent, const std::string& key, T smallest, T largest,
                                  T& value) {
    if (const auto node = parent.find(key)) {
      QFI_TRY(value, node->number(smallest, largest));
    }
    return {};
  }

  template <class T>
  static Result<void> read_choice(const YamlNode& parent, const std::string& key,
                                  const std::vector<std::pair<std::string, T>>& choices, T& value) {
    if (const auto node = parent.find(key)) {
      QFI_TRY(value, node->choice(choices));
    }
    return {};
  }

  // Strictly between 0 and 1.
  static Result<double> fraction(const YamlNode& node) {
    QFI_TRY(const double value, node.number(0.0, 1.0));
    if (value < 1e-9 || value > 1.0 - 1e-9) return node.error("'{}' must lie between 0 and 1", node.name());
    return value;
  }

  Result<ConfigPath> path(const YamlNode& node, const std::filesystem::path& folder) const {
    QFI_TRY(const std::string text, node.text());
    std::string expanded;
    for (std::size_t at = 0; at < text.size();) {
      const auto open = text.find("${", at);
      expanded += text.substr(at, open == std::string::npos ? open : open - at);
      if (open == std::string::npos) break;
      const auto close = text.find('}', open);
      if (close == std::string::npos) return node.error("'{}': '${{' without '}}'", node.name());
      const std::string name = text.substr(open + 2, close - open - 2);
      const auto value = m_params.variable ? m_params.variable(name) : std::nullopt;
      if (!value)
        return node.error(
            "'{}': the variable {} is not set; set it in the environment or with --define {}=..", node.name(),
            name, name);
      expanded += *value;
      at = close + 1;
    }
    if (expanded.empty()) return node.error("'{}' is empty", node.name());
    // A variable's relative path is meant from where the command runs.
    return ConfigPath{text, text.starts_with("${") ? std::filesystem::path(expanded) : folder / expanded};
  }

  Result<DataConfig> read_data(const YamlNode& node) const {
    QFI_CHECK(node.check_keys({"format", "images", "labels", "arrays", "select", "label_offset",
                               "ignore_label", "color", "crop", "resize"}));
    DataConfig data;
    QFI_TRY(const YamlNode format, node.at("format"));
    QFI_TRY(data.format, format.choice(k_formats));
    QFI_TRY(const YamlNode images, node.at("images"));
    QFI_TRY(data.images, path(images, m_folder));
    QFI_CHECK(read_labels(node, data));
    if (const auto select = node.find("select")) {
      QFI_TRY(data.select, read_selection(*select));
    }
    QFI_CHECK(read_number(node, "label_offset", -1'000'000, 1'000'000, data.label_offset));
    if (const auto ignore = node.find("ignore_label")) {
      QFI_TRY(data.ignore_label, ignore->number(-1'000'000, 1'000'000));
    }
    QFI_CHECK(read_choice(node, "color", k_colors, data.color));
    if (const auto crop = node.find("crop")) {
      QFI_TRY(data.crop, read_crop(*crop));
    }
    if (const auto resize = node.find("resize")) {
      QFI_CHECK(resize->check_keys({"height", "width", "method"}));
      QFI_TRY(const CropSize size, read_size(*resize));
      data.resize = Resize{size.height, size.width, ResizeMethod::bilinear};
      QFI_CHECK(read_choice(*resize, "method", k_methods, data.resize->method));
    }
    return data;
  }

  // CIFAR files and archives hold their own labels; class sub-folders are labels too.
  Result<void> read_labels(const YamlNode& node, DataConfig& data) const {
    const auto labels = node.find("labels");
    const auto arrays = node.find("arrays");
    if (data.format == DataFormat::npz) {
      if (labels) return labels->error("an archive holds its labels; name them in 'arrays'");
      if (!arrays) return {};
      QFI_CHECK(arrays->check_keys({"images", "labels"}));
      for (const auto& [key, name] :
           {std::pair{"images", &data.images_array}, {"labels", &data.labels_array}})
        if (const auto given = arrays->find(key)) {
          QFI_TRY(*name, given->text());
        }
      return {};
    }
    if (arrays) return arrays->error("'arrays' belongs to the npz format");
    if (holds_labels(data.format) && labels)
      return labels->error("the CIFAR formats hold their own labels; leave 'labels' out");
    if (labels) {
      QFI_TRY(data.labels, path(*labels, m_folder));
    }
    return {};
  }

  static Result<CropSize> read_size(const YamlNode& node) {
    CropSize size{};
    QFI_TRY(const YamlNode height, node.at("height"));
    QFI_TRY(size.height, height.number(1, k_max_image_side));
    QFI_TRY(const YamlNode width, node.at("width"));
    QFI_TRY(size.width, width.number(1, k_max_image_side));
    return size;
  }

  static Result<Crop> read_crop(const YamlNode& node) {
    if (node.is_scalar()) {
      QFI_TRY(const std::string text, node.text());
      if (text == "square") return CropSquare{};
      return node.error("'crop' is 'square', {{share: s}} or {{height: h, width: w}}");
    }
    QFI_CHECK(node.check_keys({"share", "height", "width"}));
    const auto share = node.find("share");
    if (!share) {
      QFI_TRY(const CropSize size, read_size(node));
      return size;
    }
    if (node.items().size() != 1) return node.error("'share' stands alone in 'crop'");
    QFI_TRY(const double value, share->number(1e-6, 1.0));
    return CropShare{value};
  }

  static Result<ImageSelection> read_selection(const YamlNode& node) {
    if (node.is_scalar()) {
      QFI_TRY(const std::string text, node.text());
      if (text == "all") return SelectAll{};
      return node.error(
          "'select' is 'all' or one of {{first: n}}, {{random: n}}, {{stratified: n}}, {{list: [..]}}");
    }
    QFI_CHECK(node.check_keys({"first", "random", "stratified", "list"}));
    if (node.items().size() != 1)
      return node.error("'select' needs exactly one of first, random, stratified, list");
    if (const auto list = node.find("list")) {
      SelectList chosen;
      if (!list->is_list()) return list->error("'list' must be a list of image numbers");
      for (const YamlNode& item : list->items()) {
        QFI_TRY(const std::uint64_t index, item.number(std::uint64_t{0}, k_most));
        chosen.indices.push_back(index);
      }
      if (chosen.indices.empty()) return list->error("'list' is empty");
      return chosen;
    }
    for (const char* key : {"first", "random", "stratified"})
      if (const auto count_node = node.find(key)) {
        QFI_TRY(const std::uint64_t count, count_node->number(std::uint64_t{1}, k_most));
        if (std::string_view(key) == "first") return SelectFirst{count};
        if (std::string_view(key) == "random") return SelectRandom{count};
        return SelectStratified{count};
      }
    return node.error("'select' is empty");
  }

  static Result<InputScaling> read_input(const YamlNode& node) {
    QFI_CHECK(node.check_keys({"scale", "mean", "channels"}));
    InputScaling input;
    QFI_CHECK(read_numbers(node, "scale", input.scale));
    QFI_CHECK(read_numbers(node, "mean", input.mean));
    QFI_CHECK(read_choice<bool>(node, "channels", {{"as_stored", false}, {"reversed", true}},
                                input.reverse_channels));
    if (input.scales() && input.scale.empty()) input.scale = {1.0};
    if (input.scales() && input.mean.empty()) input.mean = {0.0};
    return input;
  }

  // One number, or a list with one for each channel.
  static Result<void> read_numbers(const YamlNode& parent, const std::string& key,
                                   std::vector<double>& numbers) {
    constexpr double k_large = 1e30;
    const auto node = parent.find(key);
    if (!node) return {};
    numbers.clear();
    for (const YamlNode& item : node->is_list() ? node->items() : std::vector{*node}) {
      QFI_TRY(const double number, item.number(-k_large, k_large));
      numbers.push_back(number);
    }
    if (numbers.empty()) return node->error("'{}' is empty", key);
    return {};
  }

  Result<StuckAtConfig> read_faults(const YamlNode& node) const {
    if (!node.is_list() || node.items().size() != 1)
      return node.error("'faults' must be a list with one entry");
    const YamlNode entry = node.items()[0];
    QFI_CHECK(
        entry.check_keys({"kind", "netlist", "operators", "layers", "operands", "rs1", "sites", "padding"}));
    QFI_TRY(const YamlNode kind, entry.at("kind"));
    QFI_TRY([[maybe_unused]] const int checked, kind.choice<int>({{"stuck_at", 0}}));
    StuckAtConfig faults;
    QFI_TRY(const YamlNode netlist, entry.at("netlist"));
    QFI_CHECK(read_netlist_config(netlist, faults));
    if (const auto operators = entry.find("operators")) {
      if (!operators->is_list() || operators->items().empty())
        return operators->error("'operators' must be a list, e.g. [conv_2d]");
      faults.operators.clear();
      for (const YamlNode& item : operators->items()) {
        QFI_TRY(const OperatorKind chosen, item.choice(k_weighted));
        if (std::ranges::find(faults.operators, chosen) == faults.operators.end())
          faults.operators.push_back(chosen);
      }
      std::ranges::sort(faults.operators);
    }
    QFI_CHECK(read_layers(entry, faults));
    QFI_CHECK(read_choice(entry, "operands", k_encodings, faults.unit.operands));
    QFI_CHECK(read_choice(entry, "rs1", k_rs1, faults.unit.rs1));
    QFI_CHECK(read_choice(entry, "sites", k_sites, faults.sites));
    QFI_CHECK(read_choice(entry, "padding", k_padding, faults.padding));
    return faults;
  }

  Result<void> read_netlist_config(const YamlNode& node, StuckAtConfig& faults) const {
    if (!node.is_map()) {
      QFI_TRY(faults.netlist, path(node, m_folder));
      return {};
    }
    QFI_CHECK(node.check_keys({"file", "rs1", "rs2", "result", "tie", "unsigned"}));
    QFI_TRY(const YamlNode file, node.at("file"));
    QFI_TRY(faults.netlist, path(file, m_folder));
    for (const auto& [key, port] :
         {std::pair{"rs1", &faults.roles.rs1}, {"rs2", &faults.roles.rs2}, {"result", &faults.roles.result}})
      if (const auto name = node.find(key)) {
        QFI_TRY(*port, name->text());
      }
    QFI_CHECK(
        read_choice<bool>(node, "unsigned", {{"false", false}, {"true", true}}, faults.roles.is_unsigned));
    if (const auto tie = node.find("tie")) {
      if (!tie->is_map()) return tie->error("'tie' must be a map of ports and values");
      for (const auto& [port, value] : tie->entries()) {
        QFI_TRY(faults.roles.tie[port], value.number(std::uint64_t{0}, k_most));
      }
    }
    return {};
  }

  static Result<void> read_layers(const YamlNode& entry, StuckAtConfig& faults) {
    const auto layers = entry.find("layers");
    if (!layers) return {};
    if (layers->is_scalar()) {
      QFI_TRY(const std::string text, layers->text());
      if (text == "all") return {};
    }
    if (!layers->is_list() || layers->items().empty())
      return layers->error("'layers' is 'all' or a list of operator numbers or output tensor names");
    for (const YamlNode& item : layers->items()) {
      QFI_TRY(const std::string layer, item.text());
      faults.layers.push_back(layer);
    }
    return {};
  }

  Result<SampleConfig> read_sample(const YamlNode& node) const {
    if (node.is_scalar()) {
      QFI_TRY(const std::string text, node.text());
      if (text == "exhaustive") return SampleExhaustive{};
      return node.error(
          "'sample' is 'exhaustive' or one of {{margin: .., confidence: ..}}, {{count: n}}, {{list: file}}");
    }
    QFI_CHECK(node.check_keys({"margin", "confidence", "t", "p", "rounding", "count", "list"}));
    const int kinds = int{node.find("margin").has_value()} + int{node.find("count").has_value()} +
                      int{node.find("list").has_value()};
    if (kinds != 1) return node.error("'sample' needs exactly one of margin, count, list");
    if (const auto margin = node.find("margin")) return read_margin(node, *margin);
    if (node.items().size() != 1) return node.error("confidence, t, p and rounding belong to 'margin'");
    if (const auto count = node.find("count")) {
      QFI_TRY(const std::uint64_t number, count->number(std::uint64_t{1}, k_most));
      return SampleCount{number};
    }
    QFI_TRY(const YamlNode list, node.at("list"));
    QFI_TRY(ConfigPath file, path(list, m_folder));
    return SampleList{std::move(file)};
  }

  static Result<SampleConfig> read_margin(const YamlNode& node, const YamlNode& margin) {
    SampleMargin sample;
    QFI_TRY(sample.margin, fraction(margin));
    const auto confidence = node.find("confidence");
    const auto t = node.find("t");
    if (confidence.has_value() == t.has_value())
      return node.error("'sample' needs either confidence or t beside margin");
    if (confidence) {
      QFI_TRY(sample.confidence, fraction(*confidence));
      sample.t = normal_quantile(*sample.confidence);
    } else {
      QFI_TRY(sample.t, t->number(0.01, 100.0));
    }
    if (const auto p = node.find("p")) {
      QFI_TRY(sample.p, fraction(*p));
    }
    QFI_CHECK(read_choice(node, "rounding", k_rounding, sample.rounding));
    return sample;
  }

  std::filesystem::path m_folder;
  const ConfigParams& m_params;
};

nlohmann::json selection_json(const ImageSelection& selection) {
  return std::visit(
      [](const auto& chosen) -> nlohmann::json {
        using T = std::decay_t<decltype(chosen)>;
        if constexpr (std::is_same_v<T, SelectAll>) return "all";
        else if constexpr (std::is_same_v<T, SelectFirst>) return {{"first", chosen.count}};
        else if constexpr (std::is_same_v<T, SelectRandom>) return {{"random", chosen.count}};
        else if constexpr (std::is_same_v<T, SelectStratified>) return {{"stratified", chosen.count}};
        else return {{"list", chosen.indices}};
      },
      selection);
}

nlohmann::json crop_json(const Crop& crop) {
  if (const auto* share = std::get_if<CropShare>(&crop)) return {{"share", share->share}};
  if (const auto* size = std::get_if<CropSize>(&crop))
    return {{"height", size->height}, {"width", size->width}};
  return "square";
}

nlohmann::json data_json(const DataConfig& data) {
  nlohmann::json json = {{"format", name_in(k_formats, data.format)},
                         {"images", data.images.text},
                         {"select", selection_json(data.select)},
                         {"label_offset", data.label_offset}};
  if (!data.labels.text.empty()) json["labels"] = data.labels.text;
  if (data.format == DataFormat::npz)
    json["arrays"] = {{"images", data.images_array}, {"labels", data.labels_array}};
  if (data.ignore_label) json["ignore_label"] = *data.ignore_label;
  if (data.color != ColorMode::as_stored) json["color"] = name_in(k_colors, data.color);
  if (!std::holds_alternative<std::monostate>(data.crop)) json["crop"] = crop_json(data.crop);
  if (data.resize)
    json["resize"] = {{"height", data.resize->height},
                      {"width", data.resize->width},
                      {"method", name_in(k_methods, data.resize->method)}};
  return json;
}

nlohmann::json sample_json(const SampleConfig& sample) {
  if (const auto* margin = std::get_if<SampleMargin>(&sample)) {
    nlohmann::json json = {
        {"margin", margin->margin}, {"p", margin->p}, {"rounding", name_in(k_rounding, margin->rounding)}};
    if (margin->confidence) json["confidence"] = *margin->confidence;
    else json["t"] = margin->t;
    return json;
  }
  if (const auto* count = std::get_if<SampleCount>(&sample)) return {{"count", count->count}};
  if (const auto* list = std::get_if<SampleList>(&sample)) return {{"list", list->file.text}};
  return "exhaustive";
}

nlohmann::json faults_json(const StuckAtConfig& faults) {
  nlohmann::json operators = nlohmann::json::array();
  for (const OperatorKind kind : faults.operators) operators.push_back(name_in(k_weighted, kind));
  nlohmann::json netlist = faults.netlist.text;
  if (!faults.roles.rs1.empty() || !faults.roles.rs2.empty() || !faults.roles.result.empty() ||
      !faults.roles.tie.empty() || faults.roles.is_unsigned)
    netlist = {{"file", faults.netlist.text}, {"rs1", faults.roles.rs1},
               {"rs2", faults.roles.rs2},     {"result", faults.roles.result},
               {"tie", faults.roles.tie},     {"unsigned", faults.roles.is_unsigned}};
  return {{"kind", "stuck_at"},
          {"netlist", netlist},
          {"operators", operators},
          {"layers", faults.layers.empty() ? nlohmann::json("all") : nlohmann::json(faults.layers)},
          {"operands", name_in(k_encodings, faults.unit.operands)},
          {"rs1", name_in(k_rs1, faults.unit.rs1)},
          {"sites", name_in(k_sites, faults.sites)},
          {"padding", name_in(k_padding, faults.padding)}};
}

// Use: (Reader, root node) -> Result.
template <class Value, class Use>
Result<Value> read_yaml(const std::filesystem::path& path, const ConfigParams& params, const Use& use) {
  QFI_TRY(const std::string text, read_file(path, k_max_config_bytes));
  const std::string name = path.string();
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return bad_input("{}:1:1: a campaign config is a map of keys and values", name);
    return use(Reader(path.parent_path(), params), YamlNode(root, &name, "config"));
  } catch (const YAML::Exception& error) {
    return bad_input("{}:{}:{}: {}", name, error.mark.line + 1, error.mark.column + 1, error.msg);
  }
}

}  // namespace

Result<CampaignConfig> read_campaign_config(const std::filesystem::path& path, const ConfigParams& params) {
  return read_yaml<CampaignConfig>(path, params,
                                   [](Reader reader, const YamlNode& root) { return reader.read(root); });
}

Result<DataAndInput> read_data_config(const std::filesystem::path& path, const ConfigParams& params) {
  return read_yaml<DataAndInput>(
      path, params, [](Reader reader, const YamlNode& root) { return reader.read_data_and_input(root); });
}

std::string canonical_config(const CampaignConfig& config) {
  nlohmann::json json = {{"model", config.model.text},
                         {"data", data_json(config.data)},
                         {"faults", nlohmann::json::array({faults_json(config.faults)})},
                         {"sample", sample_json(config.sample)},
                         {"metric", {{"tensor", config.metric_tensor}}},
                         {"interval", {{"confidence", config.interval_confidence}}},
                         {"verify", config.verify},
                         {"seed", config.seed}};
  if (config.input.scales()) json["input"] = {{"scale", config.input.scale}, {"mean", config.input.mean}};
  if (config.input.reverse_channels) json["input"]["channels"] = "reversed";
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace qfi
