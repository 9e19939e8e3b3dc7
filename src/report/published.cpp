// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/published.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "qfi/base/file.hpp"
#include "qfi/base/json_place.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/text.hpp"
#include "qfi/statistics/figures_of_merit.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

struct Value {
  double value = 0;
  std::optional<Interval> interval;
  bool is_uncertain = false;  ///< an estimate is in it
  bool is_run = true;         ///< results of all its parts are given
};

// What estimates are called in results.json, and their intervals; the target that reaches farther first.
constexpr std::array<const char*, 4> k_values = {"mean", "share", "changed_share", "removed_share"};
constexpr std::array<const char*, 3> k_intervals = {"interval_image_population", "interval",
                                                    "interval_these_images"};

class Evaluator {
 public:
  explicit Evaluator(std::span<const std::filesystem::path> results) {
    for (const std::filesystem::path& path : results) m_paths[folder_name(path)].push_back(path);
  }

  Result<Value> value(const Place& place, int depth = 0) {
    constexpr int k_most_depth = 8;
    if (depth > k_most_depth) return bad_input("{}: nests too deep", place.where());
    if (place.json().is_number()) return Value{place.json().get<double>(), {}, false};
    if (place.json().is_null()) return not_run();
    if (place.json().is_string()) return looked_up(place);
    if (!place.json().is_object() || place.json().size() != 1)
      return bad_input("{}: a value is a number, FOLDER:POINTER or one operation", place.where());
    const std::string name = place.json().begin().key();
    QFI_TRY(const std::vector<Place> items, place.items_at(name.c_str()));
    std::vector<Value> values;
    for (const Place& item : items) {
      QFI_TRY(values.emplace_back(), value(item, depth + 1));
    }
    const bool is_run = std::ranges::all_of(values, [](const Value& part) { return part.is_run; });
    return is_run ? combined(place, name, values) : not_run();
  }

 private:
  static Value not_run() { return {std::nan(""), {}, false, false}; }

  Result<Value> looked_up(const Place& place) {
    QFI_TRY(const std::string text, place.text());
    const auto colon = text.find(':');
    if (colon == std::string::npos) return bad_input("{}: '{}' is no FOLDER:POINTER", place.where(), text);
    const std::string folder = text.substr(0, colon);
    if (!m_paths.contains(folder)) {
      if (m_absent.insert(folder).second)
        log(LogLevel::warning,
            fmt::format("{}: no results of a folder '{}' are given: not run", place.where(), folder));
      return not_run();
    }
    QFI_TRY(const Json* json, results(place, folder));
    const Json* found = nullptr;
    try {
      const Json::json_pointer pointer(text.substr(colon + 1));
      if (json->contains(pointer)) found = &json->at(pointer);
    } catch (const Json::exception&) {
      return bad_input("{}: '{}' is no JSON pointer", place.where(), text.substr(colon + 1));
    }
    if (found == nullptr) return bad_input("{}: {}", place.where(), nothing_at(text));
    if (found->is_number()) return Value{found->get<double>(), {}, false};
    return estimate(place, *found, text);
  }

  static std::string nothing_at(const std::string& text) {
    return fmt::format("the results have nothing at '{}'", text);
  }

  static Result<Value> estimate(const Place& place, const Json& json, const std::string& text) {
    Value value;
    value.is_uncertain = true;
    const auto key = std::ranges::find_if(
        k_values, [&](const char* name) { return json.is_object() && json.contains(name); });
    if (key == k_values.end()) return bad_input("{}: no number and no estimate at '{}'", place.where(), text);
    if (!json[*key].is_number() && !json[*key].is_null())
      return bad_input("{}: no number at '{}/{}'", place.where(), text, *key);
    value.value = json[*key].is_null() ? std::nan("") : json[*key].get<double>();
    for (const char* name : k_intervals) {
      if (!json.contains(name) || !json[name].is_array() || value.interval) continue;
      const Json& ends = json[name];
      if (ends.size() != 2 || !ends[0].is_number() || !ends[1].is_number())
        return bad_input("{}: no interval at '{}/{}'", place.where(), text, name);
      value.interval = Interval{ends[0].get<double>(), ends[1].get<double>()};
    }
    return value;
  }

  Result<const Json*> results(const Place& place, const std::string& folder) {
    if (const auto known = m_json.find(folder); known != m_json.end()) return &known->second;
    const auto path = m_paths.find(folder);
    if (path->second.size() != 1)
      return bad_input("{}: results of several folders '{}' are given", place.where(), folder);
    constexpr std::uint64_t k_most_bytes = std::uint64_t{2} << 30;
    QFI_TRY(const std::string text, read_file(path->second.front(), k_most_bytes));
    auto json = parse_json<Json>(text);
    if (!json) return at(path->second.front().string(), json.error());
    return &(m_json[folder] = std::move(*json));
  }

  static Result<Value> combined(const Place& place, const std::string& name, const std::vector<Value>& v) {
    const auto needs = [&](std::size_t count) -> Result<void> {
      if (v.size() != count) return bad_input("{}: '{}' needs {} values", place.where(), name, count);
      return {};
    };
    if (name == "sum") return sum(v);
    if (name == "product") return product(v, 1);
    if (name == "ratio") {
      QFI_CHECK(needs(2));
      const bool may_be_negative = v[1].interval && v[1].interval->low < 0 && v[1].interval->high > 0;
      if (v[1].value == 0 || may_be_negative) return Value{std::nan(""), {}, true};
      if (v[1].is_uncertain) return Value{v[0].value / v[1].value, {}, true};
      return product({v[0]}, 1 / v[1].value);
    }
    if (name == "rap") {
      QFI_CHECK(needs(3));
      return scaled(v, 0, rap(1, v[1].value, v[2].value));
    }
    if (name == "p_drop") {
      QFI_CHECK(needs(6));
      return scaled(v, 5, p_drop(v[0].value, v[1].value, v[2].value, v[3].value, v[4].value, 1));
    }
    return bad_input("{}: no operation '{}'; possible: sum, product, ratio, rap, p_drop", place.where(),
                     name);
  }

  // values[which] times what the others give; if they are estimates too there is no interval.
  static Value scaled(const std::vector<Value>& values, std::size_t which, double factor) {
    Value result = product({values[which]}, factor);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (i != which && values[i].is_uncertain) result.interval.reset();
    return result;
  }

  static Value sum(const std::vector<Value>& values) {
    Value result;
    std::size_t uncertain = 0;
    for (const Value& v : values) uncertain += v.is_uncertain ? 1 : 0;
    for (const Value& v : values) result.value += v.value;
    for (const Value& v : values)
      if (uncertain == 1 && v.interval)
        result.interval =
            Interval{result.value - v.value + v.interval->low, result.value - v.value + v.interval->high};
    result.is_uncertain = uncertain > 0;
    return result;
  }

  static Value product(const std::vector<Value>& values, double factor) {
    Value result{factor, {}, false};
    const Value* estimate = nullptr;
    std::size_t uncertain = 0;
    for (const Value& v : values) {
      if (v.is_uncertain) {
        ++uncertain;
        estimate = &v;
      }
      result.value *= v.value;
    }
    result.is_uncertain = uncertain > 0;
    if (uncertain != 1 || !estimate->interval) return result;
    double others = factor;
    for (const Value& v : values) others *= v.is_uncertain ? 1 : v.value;
    const auto [low, high] =
        std::minmax({estimate->interval->low * others, estimate->interval->high * others});
    result.interval = Interval{low, high};
    return result;
  }

  std::map<std::string, std::vector<std::filesystem::path>> m_paths;
  std::map<std::string, Json> m_json;
  std::set<std::string> m_absent;  ///< folders of which a warning was given
};

Result<Interval> published_range(const Place& place) {
  if (place.json().is_number()) {
    const double value = place.json().get<double>();
    return Interval{value, value};
  }
  QFI_TRY(const std::vector<Place> ends, place.items());
  if (ends.size() != 2) return bad_input("{}: a figure, or its two ends", place.where());
  QFI_TRY(const double low, ends[0].number());
  QFI_TRY(const double high, ends[1].number());
  if (low > high) return bad_input("{}: its ends are turned round", place.where());
  return Interval{low, high};
}

Result<ComparedFigure> read_figure(const Place& place, Evaluator& evaluator) {
  ComparedFigure figure;
  QFI_TRY(figure.what, place.text_at("what"));
  QFI_TRY(const Place published, place.at("published"));
  if (!published.json().is_null()) {
    QFI_TRY(figure.published, published_range(published));
  }
  if (place.find("unit")) {
    QFI_TRY(const std::string unit, place.text_at("unit"));
    if (!unit.empty() && unit != "%") return bad_input("{}: 'unit' is % or nothing", place.where());
    figure.is_percent = unit == "%";
  }
  if (place.find("note")) {
    QFI_TRY(figure.note, place.text_at("note"));
  }
  QFI_TRY(const Place formula, place.at("value"));
  QFI_TRY(const Value value, evaluator.value(formula));
  figure.value = value.value;
  figure.interval = value.interval;
  figure.is_run = value.is_run;
  if (figure.is_percent && figure.published) {
    figure.published->low /= 100;
    figure.published->high /= 100;
  }
  return figure;
}

Result<PublishedStudy> read_study(const Place& root, Evaluator& evaluator) {
  PublishedStudy study;
  QFI_TRY(study.title, root.text_at("title"));
  QFI_TRY(study.source, root.text_at("source"));
  if (root.find("text")) {
    QFI_TRY(const std::vector<Place> text, root.items_at("text"));
    for (const Place& paragraph : text) {
      QFI_TRY(study.paragraphs.emplace_back(), paragraph.text());
    }
  }
  QFI_TRY(const std::vector<Place> figures, root.items_at("figures"));
  for (const Place& figure : figures) {
    QFI_TRY(study.figures.emplace_back(), read_figure(figure, evaluator));
  }
  if (std::ranges::none_of(study.figures, &ComparedFigure::is_run))
    return bad_input(
        "{}: the given results hold none of its figures; give those of the folders that it names",
        root.where());
  return study;
}

// How far a figure lies from where nothing happens: from 0, and a share from 1 too. One of 0 or 1 itself says
// nothing of its scale: a point.
double scale_of(const Interval& published, bool is_share) {
  constexpr double k_point = 0.01;
  double size = std::max(std::abs(published.low), std::abs(published.high));
  if (is_share && published.high <= 1) size = std::min(size, 1 - published.low);
  return std::max(size > 0 ? size : k_point, published.high - published.low);
}

}  // namespace

Agreement ComparedFigure::agreement() const {
  if (!is_run) return Agreement::not_run;
  if (!published || std::isnan(value)) return Agreement::unknown;
  const Interval ours = interval.value_or(Interval{value, value});
  if (ours.low > published->high || published->low > ours.high) return Agreement::differs;
  return ours.high - ours.low > scale_of(*published, is_percent) ? Agreement::too_wide : Agreement::agrees;
}

Result<PublishedStudy> read_published(const std::filesystem::path& file,
                                      std::span<const std::filesystem::path> results) {
  constexpr std::uint64_t k_most_bytes = std::uint64_t{16} << 20;
  QFI_TRY(const std::string text, read_file(file, k_most_bytes));
  const auto json = parse_json<Json>(text);
  if (!json) return at(file.string(), json.error());
  Evaluator evaluator(results);
  auto study = read_study(Place(*json, "published"), evaluator);
  if (!study) return at(file.string(), study.error());
  return study;
}

}  // namespace qfi
