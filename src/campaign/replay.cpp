// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/replay.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/text.hpp"
#include "qfi/campaign/plan.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/model/stored_value.hpp"
#include "qfi/workload/classification.hpp"

namespace qfi {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t k_most_json_bytes = std::uint64_t{2} << 30;

Result<Json> read_json(const std::filesystem::path& path) {
  QFI_TRY(const std::string text, read_file(path, k_most_json_bytes));
  auto json = parse_json<Json>(text);
  if (!json || !json->is_object()) return bad_input("{}: damaged, no JSON object", path.string());
  return json;
}

// A value deep inside; nullptr: not there.
const Json* find(const Json& json, std::initializer_list<const char*> keys) {
  const Json* at = &json;
  for (const char* key : keys) {
    if (!at->is_object() || !at->contains(key)) return nullptr;
    at = &(*at)[key];
  }
  return at;
}

// A row of faults.csv by column.
class Row {
 public:
  explicit Row(const CsvReader& at) {
    for (std::size_t i = 0; i < at.fields().size(); ++i) m_fields[at.header()[i]] = at.fields()[i];
  }

  std::string operator[](std::string_view column) const {
    const auto found = m_fields.find(column);
    return found == m_fields.end() ? "" : found->second;
  }
  template <class T>
  bool number(std::string_view column, T& value) const {
    return parse_number((*this)[column], value);
  }

 private:
  std::map<std::string, std::string, std::less<>> m_fields;
};

// The fault's row, and how many faults of its stratum (and image) were drawn before it.
struct Recorded {
  Row row;
  std::uint64_t before = 0;
};

// `is_paired`: faults are drawn for each image.
Result<Recorded> find_row(const std::filesystem::path& path, std::uint64_t fault, bool is_paired) {
  QFI_TRY(const std::string text, read_file(path));
  CsvReader reader(text, path.string());
  QFI_CHECK(reader.read_header());
  const std::string name = std::to_string(fault);
  std::map<std::string, std::uint64_t> rows_of;  // by stratum and image, those before
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    const auto fields = reader.fields();
    if (!is_there || fields.size() != reader.header().size() || fields.size() < 3) break;
    const std::string stratum = fmt::format("{},{}", fields[1], is_paired ? fields[2] : "");
    if (fields[0] == name) return Recorded{Row(reader), rows_of[stratum]};
    ++rows_of[stratum];
  }
  return bad_input("{}: holds no fault {}", path.string(), fault);
}

Result<BitFault> fault_of_row(const Row& row, const BitSet& set) {
  BitFault fault;
  BitSite site;
  std::size_t layer = 0;
  if (!row.number("element", site.element) || !row.number("stored_bit", site.stored_bit) ||
      !row.number("layer", layer))
    return bad_input("its line is damaged");
  const std::string stage = row["stage"];
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < set.values().stored.size(); ++i) {
    const ValuePlace& place = set.values().places[i];
    const bool is_stage = place.target != FaultTarget::data || name_in(k_stages, place.stage) == stage;
    if (set.values().stored[i].layer == layer && is_stage &&
        set.workload().tensor(place.tensor).name == row["tensor"])
      found = i;
  }
  if (!found) return bad_input("the model has no such values");
  site.values = *found;
  const Tensor& tensor = set.workload().tensor(set.values().places[site.values].tensor);
  const Storage& storage = set.values().stored[site.values].storage;
  if (site.element >= tensor.elements() || site.stored_bit < 0 || site.stored_bit >= storage.stored_bits() ||
      storage.owner_of(site.element, site.stored_bit) != site.element)
    return bad_input("its line names a bit that is not there");
  fault.sites = {site};
  QFI_TRY(const BitFaultModel model, parse_bit_fault_model(row["model"]));
  fault.models = {model};
  return fault;
}

// Single bits as recorded; sets of bits drawn again.
Result<BitFault> recorded_fault(const Recorded& recorded, const BitSet& set, std::uint64_t index,
                                const Json* images) {
  std::uint64_t flips = 0;
  std::size_t stratum = 0;
  if (!recorded.row.number("flips", flips) || !recorded.row.number("stratum", stratum))
    return bad_input("its line is damaged");
  if (flips == 1) return fault_of_row(recorded.row, set);
  if (traits_of(set.config().sample).list) {
    if (images == nullptr || !images->is_number_unsigned() || *images == 0)
      return bad_input("the results do not say how many images there were");
    const std::uint64_t listed = set.is_paired() ? index / images->get<std::uint64_t>() : index;
    if (listed >= set.drawn()) return bad_input("the list has no such fault");
    return set.fault(listed);
  }
  std::optional<std::size_t> last;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < set.drawn() && number <= recorded.before; ++i)
    if (set.stratum_of(i) == stratum) {
      last = i;
      ++number;
    }
  if (!last || number != recorded.before + 1) return bad_input("its line is damaged");
  BitFault fault = set.fault(*last);
  if (fault.sites.size() != flips) return bad_input("its line is not that of these draws");
  return fault;
}

double value_at(const Tensor& tensor, std::span<const std::byte> values, std::size_t element) {
  return number_of(tensor.type, read_bits(values, element, size_of(tensor.type)));
}

// Fills in what an operator's output did.
void add_operator(const Workload& workload, std::size_t index, int output, std::span<const std::byte> golden,
                  std::span<const std::byte> faulty, Replay& replay) {
  const Tensor& tensor = workload.tensor(output);
  ReplayedOperator op{
      index, name_of(workload.program->model().operators[index].kind), tensor.name, tensor.elements(), 0, 0};
  const std::size_t bytes = size_of(tensor.type);
  for (std::size_t i = 0; i < tensor.elements(); ++i) {
    if (std::memcmp(golden.data() + i * bytes, faulty.data() + i * bytes, bytes) == 0) continue;
    ++op.different;
    const double difference = std::abs(value_at(tensor, faulty, i) - value_at(tensor, golden, i));
    if (difference > op.largest || std::isnan(difference)) op.largest = difference;
  }
  replay.operators.push_back(std::move(op));
}

void add_scores(const Workload& workload, std::span<const std::byte> golden,
                std::span<const std::byte> faulty, Replay& replay) {
  replay.task = workload.task;
  if (!workload.label_maps.empty()) return;
  if (!workload.data.labels().empty()) replay.label = workload.data.labels().front();
  const Tensor& tensor = workload.tensor(workload.metric_tensor);
  for (std::size_t c = 0; c < tensor.elements(); ++c)
    replay.scores.push_back({static_cast<int>(c), value_at(tensor, golden, c), value_at(tensor, faulty, c)});
}

std::string describe(const BitSet& set, const BitFault& fault) {
  if (fault.sites.size() != 1) return fmt::format("{} bits at once", fault.sites.size());
  const BitSite& site = fault.sites.front();
  const ValuePlace& place = set.values().places[site.values];
  const StoredValues& stored = set.values().stored[site.values];
  const std::optional<int> bit = stored.storage.bit_of(site.stored_bit);
  std::string model = name_of(fault.models.front());
  std::ranges::replace(model, '_', '-');
  return fmt::format("{} of {} (stored bit {}) of value {} of the {} '{}'", model,
                     bit ? fmt::format("bit {}", *bit) : "a check bit", site.stored_bit, site.element,
                     place.label, set.workload().tensor(place.tensor).name);
}

Result<Replay> replay_bits(const Plan& plan, const BitSet& set, const BitFault& fault) {
  const Workload& workload = *plan.workload;
  QFI_TRY(const auto golden, plan.golden_blocks->make(0, 1, 1));
  Replay replay;
  replay.fault = describe(set, fault);
  QFI_CHECK(set.replay(fault, *golden, [&](const TensorOf& tensor_of) {
    const Model& model = workload.program->model();
    for (std::size_t i = 0; i < model.operators.size(); ++i)
      for (const int output : model.operators[i].outputs)
        if (!workload.program->is_folded(i))
          add_operator(workload, i, output, golden->tensor(output, 0), tensor_of(output), replay);
    add_scores(workload, golden->tensor(workload.metric_tensor, 0), tensor_of(workload.metric_tensor),
               replay);
    replay.counts = score_image(workload, 0, tensor_of);
  }));
  return replay;
}

UnitRunner::OutputUse unit_use(const Workload& workload, Replay& replay) {
  return [&](std::size_t index, int output, const TensorOf& golden, const TensorOf& faulty) {
    add_operator(workload, index, output, golden(output), faulty(output), replay);
    if (output == workload.metric_tensor) add_scores(workload, golden(output), faulty(output), replay);
    if (index + 1 == workload.program->model().operators.size())
      replay.counts = score_image(workload, 0, faulty);
  };
}

Replay replay_table(const TableSet& set) {
  Replay replay;
  replay.fault = "products of " + set.table_config().file.path.filename().string();
  set.replay(unit_use(set.workload(), replay));
  return replay;
}

Result<Replay> replay_netlist_fault(const StuckAtSet& set, const Json& record) {
  const Json* text = find(record, {"fault"});
  const Json* site = find(record, {"site"});  // older records have no text
  const Json* value = find(record, {"stuck_at"});
  const bool is_old = text == nullptr && site != nullptr && site->is_string() && value != nullptr &&
                      value->is_number_integer();
  if (!is_old && (text == nullptr || !text->is_string())) return bad_input("the fault's record is damaged");
  QFI_TRY(
      const NetlistFault fault,
      parse_fault(set.netlist(), is_old ? fmt::format("{}:{}", site->get<std::string>(), value->get<int>())
                                        : text->get<std::string>()));
  Replay replay;
  replay.fault = fault_name(set.netlist(), fault);
  set.replay(fault, unit_use(set.workload(), replay));
  return replay;
}

// The image to replay: the one that is asked for, or the only one that the fault's line names.
Result<std::optional<std::uint64_t>> image_of(const Recorded& recorded, const ReplayParams& params) {
  std::istringstream line{std::string(recorded.row["image"])};
  std::vector<std::uint64_t> met;
  for (std::uint64_t image = 0; line >> image;) met.push_back(image);
  if (met.empty()) return params.image;
  if (!params.image && met.size() == 1) return met.front();
  if (params.image && std::ranges::find(met, *params.image) != met.end()) return params.image;
  return bad_input("fault {} met image{} {}: --image K", params.fault, met.size() == 1 ? "" : "s",
                   fmt::join(met, ", "));
}

// What run.json says of the config.
Result<CampaignConfig> read_config(const ReplayParams& params, const Json& results) {
  std::filesystem::path path = params.config;
  ConfigParams variables = params.variables;
  std::map<std::string, std::string> defines;
  if (path.empty()) {
    QFI_TRY(const Json run, read_json(params.results.parent_path() / "run.json"));
    const Json* recorded = find(run, {"config"});
    if (recorded == nullptr || !recorded->is_string())
      return bad_input("{}: does not say where the config is; name it with --config", "run.json");
    path = recorded->get<std::string>();
    if (const Json* known = find(run, {"defines"}); known != nullptr && known->is_object())
      for (const auto& [name, value] : known->items())
        if (value.is_string()) defines[name] = value.get<std::string>();
    variables.variable = [defines, given = params.variables.variable](const std::string& name) {
      const auto found = defines.find(name);
      if (auto value = given ? given(name) : std::nullopt) return value;
      return found == defines.end() ? std::nullopt : std::optional(found->second);
    };
  }
  QFI_TRY(CampaignConfig config, read_campaign_config(path, variables));
  const Json* recorded = find(results, {"config"});
  if (recorded == nullptr || Json::parse(canonical_config(config)) != *recorded)
    return bad_input("{}: is not the config of these results (any more)", path.string());
  return config;
}

}  // namespace

Result<Replay> replay(const ReplayParams& params) {
  QFI_TRY(const Json results, read_json(params.results));
  const std::string file = params.results.string();
  const Json* schema = find(results, {"schema"});
  if (schema == nullptr || *schema != "qfi-results-2")
    return bad_input("{}: no results of this version", file);
  const Json* sets = find(results, {"fault_sets"});
  if (sets == nullptr || !sets->is_array() || params.set >= sets->size())
    return bad_input("{}: has no fault set {}", file, params.set);
  const Json& recorded_set = (*sets)[params.set];
  QFI_TRY(CampaignConfig config, read_config(params, results));
  if (params.set >= config.faults.size()) return bad_input("{}: has no fault set {}", file, params.set);

  std::optional<std::uint64_t> image = params.image;
  std::optional<Recorded> recorded;
  const Json* faults_file = find(recorded_set, {"faults_file", "name"});
  if (faults_file != nullptr && faults_file->is_string()) {
    const std::filesystem::path name = std::filesystem::path(faults_file->get<std::string>()).filename();
    QFI_TRY(recorded, find_row(params.results.parent_path() / name, params.fault, config.design.is_paired()));
    QFI_TRY(image, image_of(*recorded, params));
  }
  if (!image) return bad_input("say which image: --image K");
  config.data.max_bytes = params.data_memory;
  config.data.select = SelectList{{*image}};
  config.seed = seed_of_set(config, params.set);
  if (config.design.is_nested()) config.design = Design{};  // crossed: there is one image
  config.faults = {config.faults[params.set]};
  SampleConfig& sample = config.faults[0].sample;
  std::uint64_t flips = 1;
  if (recorded) recorded->row.number("flips", flips);
  const std::uint64_t draws = flips > 1 ? recorded->before + 1 : 1;  // a single bit is in its line
  const SampleTraits traits = traits_of(sample);
  if (!traits.error_rates.empty()) {
    sample = SampleErrorRate{traits.error_rates, draws, std::nullopt, traits.error_draw};
  } else if (traits.is_search && flips > 1) {
    // What a search draws depends on results: its bits were written down, as a list.
    const Json* bits_file = find(recorded_set, {"bits_file", "name"});
    if (bits_file == nullptr || !bits_file->is_string())
      return bad_input("{}: does not name its file of bits", file);
    const auto name = std::filesystem::path(bits_file->get<std::string>()).filename();
    sample = SampleList{{name.string(), params.results.parent_path() / name}};
  } else if (!traits.list) {
    sample = SampleCount{draws, traits.scheme, SmallStrata::exhaustive};
  }
  PlanParams plan_params;
  plan_params.model_memory = params.model_memory;
  QFI_TRY(const Plan plan, make_plan(config, plan_params));
  Result<Replay> replayed = tl::unexpected(Error{});
  if (const StuckAtSet* set = plan.stuck_at(0)) {
    const Json* records = find(recorded_set, {"faults"});
    if (records == nullptr || !records->is_array() || params.fault >= records->size())
      return bad_input("{}: has no fault {}", file, params.fault);
    replayed = replay_netlist_fault(*set, (*records)[params.fault]);
  } else if (const TableSet* table = plan.table(0)) {
    if (params.fault != 0) return bad_input("{}: has no fault {}", file, params.fault);
    replayed = replay_table(*table);
  } else {
    const BitSet& bits = *plan.bits(0);
    if (!recorded) return bad_input("{}: does not name its file of faults", file);
    const Json* images = find(results, {"inputs", "data", "images"});
    auto fault = recorded_fault(*recorded, bits, params.fault, images);
    if (!fault) return at(fmt::format("fault {}", params.fault), fault.error());
    replayed = replay_bits(plan, bits, *fault);
  }
  if (!replayed) return tl::unexpected(replayed.error());
  replayed->image = *image;
  return replayed;
}

}  // namespace qfi
