// SPDX-License-Identifier: Apache-2.0
#include "output_folder.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"

namespace qfi::cli {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t k_most_json_bytes = std::uint64_t{2} << 30;

Error not_ours(const std::filesystem::path& file) {
  return {fmt::format("{}: exists and was not written by qfi; choose another output folder", file.string())};
}

// nullptr: no such member.
const Json* member(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? &*found : nullptr;
}

// Names and hashes of the tables that results.json lists.
std::map<std::string, std::string> tables_of(const Json& results) {
  std::map<std::string, std::string> tables;
  const Json* sets = member(results, "fault_sets");
  if (sets == nullptr) return tables;
  for (const Json& set : *sets)
    for (const char* key : {"faults_file", "bits_file"}) {
      const Json* file = member(set, key);
      const Json* name = file == nullptr ? nullptr : member(*file, "name");
      const Json* hash = file == nullptr ? nullptr : member(*file, "sha256");
      if (name != nullptr && hash != nullptr && name->is_string() && hash->is_string())
        tables[name->get<std::string>()] = hash->get<std::string>();
    }
  return tables;
}

Result<Json> read_own_json(const std::filesystem::path& file) {
  QFI_TRY(const std::string text, read_file(file, k_most_json_bytes));
  const auto parsed = parse_json<Json>(text);
  if (!parsed) return tl::unexpected(not_ours(file));
  const Json& json = *parsed;
  const Json* schema = member(json, "schema");
  if (schema == nullptr || !schema->is_string() || !schema->get<std::string>().starts_with("qfi-"))
    return tl::unexpected(not_ours(file));
  return json;
}

}  // namespace

Result<OutputFolder> OutputFolder::open(const std::filesystem::path& path) {
  OutputFolder folder(path);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return failed("{}: cannot create the output folder: {}", path.string(), error.message());
  std::map<std::string, std::string> known;
  if (std::filesystem::exists(path / "run.json", error)) QFI_CHECK(read_own_json(path / "run.json"));
  if (std::filesystem::exists(path / "results.json", error)) {
    QFI_TRY(const Json results, read_own_json(path / "results.json"));
    known = tables_of(results);
  }
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (!is_set_file_name(name)) continue;
    const auto content = known.contains(name) ? read_file(entry.path()) : bad_input("");
    if (!content || sha256_hex(bytes_of(*content)) != known[name])
      return tl::unexpected(not_ours(entry.path()));
    folder.m_old_tables.push_back(name);
  }
  if (error) return failed("{}: cannot be read: {}", path.string(), error.message());
  return folder;
}

Result<void> OutputFolder::write(const std::string& results, std::vector<SetFiles>& tables,
                                 const std::string& run) const {
  for (const std::string& old : m_old_tables) {
    std::error_code error;
    std::filesystem::remove(m_path / old, error);
  }
  QFI_CHECK(write_file(m_path / "results.json", results));
  for (SetFiles& set : tables)
    for (auto* table : {&set.faults, &set.bits})
      if (*table) QFI_CHECK((*table)->file.finish());
  return write_file(m_path / "run.json", run);
}

}  // namespace qfi::cli
