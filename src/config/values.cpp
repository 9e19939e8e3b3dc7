// SPDX-License-Identifier: Apache-2.0
#include "values.hpp"

namespace qfi {
namespace {

// `${NAME=default}` as a whole.
Schema variable_schema() { return {{"$ref", "#/$defs/variable"}}; }

const Form* form_of(const std::vector<Form>& forms) {
  const auto found = std::ranges::find_if(forms, [](const Form& form) { return form.holds(); });
  return found == forms.end() ? nullptr : &*found;
}

std::vector<std::string> words_of(const std::vector<Form>& forms) {
  std::vector<std::string> words;
  for (const Form& form : forms)
    if (form.keys.empty()) words.push_back(form.usage);
  return words;
}

std::string usages_of(const std::vector<Form>& forms) {
  std::vector<std::string> usages;
  for (const Form& form : forms)
    if (!form.keys.empty()) usages.push_back("{" + form.usage + "}");
  return fmt::format("{}", fmt::join(usages, ", "));
}

Result<void> check_known(const YamlNode& node, const std::vector<Form>& forms) {
  std::vector<std::string> known;
  for (const Form& form : forms) known.insert(known.end(), form.keys.begin(), form.keys.end());
  return node.check_keys(known);
}

Result<void> read_form(const std::vector<Form>& forms, const ConfigReader& reader, const YamlNode& node) {
  if (node.is_scalar()) {
    QFI_TRY(const std::string text, node.text());
    for (const Form& form : forms)
      if (form.keys.empty() && text == form.usage) return form.value.read(reader, node);
    return node.error("'{}' is '{}' or one of {}", node.name(), fmt::join(words_of(forms), "', '"),
                      usages_of(forms));
  }
  QFI_CHECK(check_known(node, forms));
  std::vector<std::string> telling;
  const Form* given = nullptr;
  int count = 0;
  for (const Form& form : forms) {
    if (form.keys.empty()) continue;
    telling.push_back(form.keys.front());
    if (!node.find(form.keys.front())) continue;
    given = &form;
    ++count;
  }
  if (count != 1) return node.error("'{}' needs exactly one of {}", node.name(), fmt::join(telling, ", "));
  return given->value.read(reader, node);
}

}  // namespace

Describe describe_as(std::string type, std::vector<std::string> allowed, std::vector<Schema> schema) {
  return [=](KeyDoc& doc) {
    doc.type = type;
    doc.allowed = allowed;
    doc.schema = schema;
    if (type != "path" && type != "text") doc.schema.push_back(variable_schema());
  };
}

Describe describe_words(const std::vector<std::string>& words) {
  Schema allowed = Schema::array();
  for (const std::string& word : words) {
    allowed.push_back(word);
    if (const Schema plain = Schema::parse(word, nullptr, false); !plain.is_discarded())
      allowed.push_back(plain);
  }
  return describe_as("word", words, {{{"enum", allowed}}});
}

Describe describe_list(const Describe& item) {
  return [item](KeyDoc& doc) {
    KeyDoc one;
    item(one);
    doc.type = "list of " + one.type + "s";
    doc.allowed = one.allowed;
    doc.schema = {{{"type", "array"}, {"minItems", 1}, {"items", {{"anyOf", one.schema}}}}};
  };
}

Describe describe_text() { return describe_as("text", {}, {{{"type", {"string", "number", "boolean"}}}}); }

Describe describe_path() { return describe_as("path", {}, {{{"type", "string"}, {"minLength", 1}}}); }

Value number_or_numbers(std::vector<double>& place, double smallest, double largest) {
  const Describe one = describe_number(smallest, largest);
  return {.read = [&place, smallest, largest](const ConfigReader&, const YamlNode& node) -> Result<void> {
            place.clear();
            for (const YamlNode& item : node.is_list() ? node.items() : std::vector{node}) {
              QFI_TRY(place.emplace_back(), item.number(smallest, largest));
            }
            if (place.empty()) return node.error("'{}' is empty", node.name());
            return {};
          },
          .json = [&place] { return place.empty() ? Json() : Json(place); },
          .describe =
              [one](KeyDoc& doc) {
                describe_list(one)(doc);
                const std::vector<Schema> list = doc.schema;
                one(doc);
                doc.type = "number, or list of numbers";
                doc.schema.insert(doc.schema.end(), list.begin(), list.end());
              }};
}

Value fraction(double& place) {
  constexpr double k_least = 1e-9;
  return bound(
      place,
      [](const ConfigReader&, const YamlNode& node) -> Result<double> {
        QFI_TRY(const double value, node.number(0.0, 1.0));
        if (value < k_least || value > 1.0 - k_least)
          return node.error("'{}' must lie between 0 and 1", node.name());
        return value;
      },
      describe_as("number", {"between 0 and 1"},
                  {{{"type", "number"}, {"exclusiveMinimum", 0}, {"exclusiveMaximum", 1}}}));
}

Value text(std::string& place) {
  return bound(
      place, [](const ConfigReader&, const YamlNode& node) { return node.text(); }, describe_text());
}

Value path(ConfigPath& place) {
  Value value = bound(
      place.text, [](const ConfigReader&, const YamlNode& node) { return node.text(); }, describe_path());
  value.read = [&place](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
    QFI_TRY(place, reader.path(node));
    return {};
  };
  value.json = [&place] { return place.text.empty() ? Json() : Json(place.text); };
  return value;
}

Value paths(std::vector<ConfigPath>& place) {
  return {.read = [&place](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            if (!node.is_list()) {
              QFI_TRY(place.emplace_back(), reader.path(node));
              return {};
            }
            if (node.items().empty()) return node.error("'{}' is a path or a list of paths", node.name());
            for (const YamlNode& item : node.items()) {
              QFI_TRY(place.emplace_back(), reader.path(item));
            }
            return {};
          },
          .json = [&place]() -> Json {
            if (place.empty()) return {};
            if (place.size() == 1) return place.front().text;
            Json list = Json::array();
            for (const ConfigPath& path : place) list.push_back(path.text);
            return list;
          },
          .describe =
              [](KeyDoc& doc) {
                describe_list(describe_path())(doc);
                const Schema list = doc.schema.front();
                describe_path()(doc);
                doc.schema.push_back(list);
                doc.type = "path, or list of paths";
                doc.allowed.emplace_back("a list of paths");
              }};
}

Value output_path(ConfigPath& place) {
  Value value = path(place);
  value.read = [&place](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
    QFI_TRY(place, reader.path(node, std::filesystem::path()));
    return {};
  };
  return value;
}

Value flag(bool& place) {
  Value value = choice<bool>(place, {{"false", false}, {"true", true}});
  value.json = [&place] { return Json(place); };
  return value;
}

Value names_or_all(std::vector<std::string>& place) {
  return {.read = [&place](const ConfigReader&, const YamlNode& node) -> Result<void> {
            if (node.is_scalar()) {
              QFI_TRY(const std::string text, node.text());
              if (text == "all") return {};
            }
            if (!node.is_list() || node.items().empty())
              return node.error("'{}' is 'all' or a list of numbers and names", node.name());
            for (const YamlNode& item : node.items()) {
              QFI_TRY(place.emplace_back(), item.text());
            }
            return {};
          },
          .json = [&place] { return place.empty() ? Json("all") : Json(place); },
          .describe =
              [](KeyDoc& doc) {
                describe_list(describe_text())(doc);
                const Schema list = doc.schema.front();
                describe_words({"all"})(doc);
                doc.schema.push_back(list);
                doc.type = "word, or list of numbers and names";
                doc.allowed.emplace_back("a list of numbers and names");
              }};
}

Value fixed_word(std::string word) {
  Describe describe = describe_words({word});
  return {.read = [](const ConfigReader&, const YamlNode&) { return Result<void>(); },
          .json = [word = std::move(word)] { return Json(word); },
          .describe = std::move(describe)};
}

Value map(KeyTable keys) {
  const auto shared = std::make_shared<const KeyTable>(std::move(keys));
  return {.read = [shared](const ConfigReader& reader,
                           const YamlNode& node) { return read_keys(reader, node, *shared); },
          .json = [shared] { return json_of(*shared); },
          .describe =
              [shared](KeyDoc& doc) {
                doc.type = "map";
                describe_form(doc, shared->front().name, *shared);
              }};
}

Value one_of(std::vector<Form> forms) {
  const auto shared = std::make_shared<const std::vector<Form>>(std::move(forms));
  return {.read = [shared](const ConfigReader& reader,
                           const YamlNode& node) { return read_form(*shared, reader, node); },
          .json =
              [shared] {
                const Form* form = form_of(*shared);
                return form == nullptr ? Json() : form->value.json();
              },
          .describe =
              [shared](KeyDoc& doc) {
                describe_words(words_of(*shared))(doc);
                for (const Form& form : *shared)
                  if (!form.keys.empty()) form.value.describe(doc);
                doc.type = "word, or map";
                doc.allowed = words_of(*shared);
                doc.allowed.push_back(usages_of(*shared));
              }};
}

}  // namespace qfi
