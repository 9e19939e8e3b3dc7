// SPDX-License-Identifier: Apache-2.0
// Faults of stored bits, and how values are stored.
#include "config_keys.hpp"
#include "values.hpp"

namespace qfi {
namespace {

// Faults of data are transient unless `duration` says otherwise.
Value target_value(BitFaultConfig& faults) {
  Value value = choice(faults.target, k_targets);
  value.read = [&faults, read = value.read](const ConfigReader& reader,
                                            const YamlNode& node) -> Result<void> {
    QFI_CHECK(read(reader, node));
    if (faults.target == FaultTarget::data) faults.duration = Duration::transient;
    return {};
  };
  return value;
}

// One stage, or a list of them.
Value stages_value(std::vector<Stage>& stages) {
  const Value list = choices(stages, k_stages);
  return {.read = [&stages, list](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            if (!node.is_scalar()) return list.read(reader, node);
            stages.resize(1);
            return choice(stages.front(), k_stages).read(reader, node);
          },
          .json = list.json,
          .describe =
              [list](KeyDoc& doc) {
                KeyDoc lists;
                list.describe(lists);
                describe_words(words_of(k_stages))(doc);
                doc.type = "word, or list of words";
                doc.schema.insert(doc.schema.end(), lists.schema.begin(), lists.schema.end());
              }};
}

KeyTable code_keys(StorageConfig& storage) {
  return {
      {.name = "width",
       .value = maybe(storage.width, [](int& width) { return number(width, 3, 8); }),
       .unit = "bits",
       .default_text = "that of the type",
       .sentence =
           "INT8 weights are quantized anew to so many bits, per channel; the golden run is that model's.",
       .example = "4"},
      {.name = "protection",
       .value = choice(storage.protection, k_protections),
       .sentence =
           "Bits are stored once (`plain`); the top ones three times, read by majority (`triplicated`); all "
           "three times (`tmr`); the top ones three times and the others twice, where a difference reads "
           "towards zero (`vandor`); or as two halves, of layers whose outputs are never negative "
           "(`split_lcu`).",
       .example = "vandor"},
      {.name = "top_bits",
       .value = number(storage.top_bits, 1, 32),
       .unit = "bits",
       .refusal =
           [&storage] {
             return codec_kind(storage.protection).has_top_bits
                        ? ""
                        : "'top_bits' belongs to the protections triplicated and vandor";
           },
       .sentence = "So many of the highest bits are stored three times, by `triplicated` and `vandor`.",
       .example = "2"},
      {.name = "unprotected_bits",
       .value = number(storage.unprotected_bits, 0, 31),
       .unit = "bits",
       .refusal =
           [&storage] {
             return codec_kind(storage.protection).has_unprotected_bits
                        ? ""
                        : "'unprotected_bits' belongs to the protection vandor";
           },
       .sentence = "So many of the lowest bits are stored once by `vandor`.",
       .example = "2"}};
}

KeyTable neuron_keys(StorageConfig& storage) {
  return {{.name = "neurons",
           .value = maybe(storage.neurons, path),
           .default_text = "all",
           .sentence =
               "Of data, only vulnerable neurons of this file of `qfi nvf` are stored like this; it needs "
               "`compare: unprotected`.",
           .example = "nvf.csv",
           .selects = true},
          {.name = "threshold",
           .value = number(storage.threshold, 0.0, 1.0),
           .refusal = [&storage] { return storage.neurons ? "" : "'threshold' belongs to 'neurons'"; },
           .sentence = "Neurons whose vulnerability (NVF) is at least this are vulnerable.",
           .example = "0.05"}};
}

Value mask_value(BitFaultConfig& faults) {
  return {.read = [&faults](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            QFI_TRY(const std::string text, node.text());
            faults.masks_zeros = text == "zeros";
            return faults.masks_zeros ? Result<void>() : maybe(faults.mask, path).read(reader, node);
          },
          .json = [&faults] { return faults.masks_zeros ? Json("zeros") : maybe(faults.mask, path).json(); },
          .describe =
              [](KeyDoc& doc) {
                describe_path()(doc);
                doc.type = "path, or word";
                doc.allowed = {"zeros", "an .npz file"};
              }};
}

KeyTable hit_keys(BitFaultConfig& faults) {
  return {
      {.name = "target",
       .value = target_value(faults),
       .is_required = true,
       .sentence =
           "Faults hit the stored bits of weights, of biases (32 bits) or of data; FLOAT32 values bit by "
           "bit.",
       .example = "weights",
       .selects = true},
      {.name = "polarity",
       .value = choices(faults.models, k_polarities),
       .default_text = "[0, 1]",
       .refusal = [&faults] { return is_stuck(faults) ? "" : "'polarity' belongs to the kind stuck_at"; },
       .sentence =
           "Bits are stuck at these values; each makes faults of its own. It belongs to `kind: stuck_at`.",
       .example = "[1]"},
      {.name = "stage",
       .value = stages_value(faults.stages),
       .refusal =
           [&faults] {
             return faults.target == FaultTarget::data ? "" : "'stage' belongs to the target data";
           },
       .sentence = "Data is hit here: `output` of operators, `accumulator` after the bias (32 bits), "
                   "`operator_input` (one reader sees the fault, others do not), `network_input`.",
       .example = "[network_input, output]",
       .selects = true}};
}

KeyTable choosing_keys(BitFaultConfig& faults) {
  return {{.name = "operators",
           .value = choices(faults.operators, operator_kind_names()),
           .default_text = "all",
           .sentence = "Values of operators of these kinds are hit.",
           .example = "[conv_2d]",
           .selects = true},
          layers_key(faults.layers),
          {.name = "tensors",
           .value = names_or_all(faults.tensors),
           .sentence = "Values in tensors with these names or numbers are hit.",
           .example = "[conv1/kernel]",
           .selects = true},
          {.name = "channels",
           .value = number_set(faults.channels, std::uint64_t{0}, k_largest<std::uint64_t>),
           .default_text = "all",
           .sentence = "Values of these output channels are hit; the channel of data is its last dimension.",
           .example = "[0, 3]",
           .selects = true},
          {.name = "bits",
           .value = number_set(faults.bits, 0, 31),
           .default_text = "all",
           .sentence = "These bits of the value are hit; 0 is the lowest.",
           .example = "[30, 31]",
           .selects = true}};
}

KeyTable manner_keys(BitFaultConfig& faults) {
  return {
      {.name = "duration",
       .value = choice(faults.duration, k_durations),
       .default_text = "permanent; of data: transient",
       .sentence = "A label that is recorded with the results and changes none of them: a transient fault "
                   "strikes each "
                   "image anew at the same place.",
       .example = "transient"},
      {.name = "simultaneous",
       .value = number(faults.simultaneous, std::uint64_t{1}, std::uint64_t{1'000'000}),
       .unit = "bits",
       .sentence = "Every fault is this many different bits at once.",
       .example = "2"},
      {.name = "storage",
       .value = map_or_maps(faults.storage),
       .default_text = "plain",
       .sentence =
           "Values are stored like this; in a list of maps with `layers`, a later one counts for its layers.",
       .example = "{protection: vandor}",
       .selects = true},
      {.name = "compare",
       .value = choice<bool>(faults.compares_protection, {{"stored_bits", false}, {"unprotected", true}}),
       .sentence = "The population is the stored bits, copies included (`stored_bits`), or the bits of the "
                   "values, and "
                   "every fault is run without the protection and with it (`unprotected`).",
       .example = "unprotected"},
      {.name = "mask",
       .value = mask_value(faults),
       .refusal =
           [&faults] {
             return faults.target != FaultTarget::data ? "" : "'mask' belongs to weights and biases";
           },
       .sentence = "Values that are 0 in this `.npz` (an array per tensor, by its name or number) are pruned "
                   "and cannot "
                   "be hit; with `zeros` all zero weights are.",
       .example = "mask.npz",
       .selects = true}};
}

}  // namespace

KeyTable keys_of(StorageConfig& storage) {
  Key layers = layers_key(storage.layers);
  layers.is_written = [&storage] { return !storage.layers.empty(); };
  return joined({{layers}, code_keys(storage), neuron_keys(storage)});
}

bool is_stuck(const BitFaultConfig& faults) { return faults.models.front() != BitFaultModel::flip; }

KeyTable keys_of(BitFaultConfig& faults) {
  return joined({hit_keys(faults), choosing_keys(faults), manner_keys(faults)});
}

Result<void> check_together(const YamlNode& entry, const BitFaultConfig& faults) {
  const bool chooses_neurons =
      std::ranges::any_of(faults.storage, [](const StorageConfig& s) { return s.neurons.has_value(); });
  if (chooses_neurons && (faults.target != FaultTarget::data || !faults.compares_protection))
    return entry.error("'neurons' of a storage belongs to the target data with 'compare: unprotected'");
  const bool is_narrow =
      std::ranges::any_of(faults.storage, [](const StorageConfig& s) { return s.width.value_or(8) < 8; });
  if (const auto mask = entry.find("mask"); mask && faults.masks_zeros && is_narrow)
    return mask->error("'mask: zeros' of narrowed weights would take small ones as pruned; give a file");
  return {};
}

}  // namespace qfi
