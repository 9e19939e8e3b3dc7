// SPDX-License-Identifier: Apache-2.0
// The tables of all parts of a config, each bound to the value that it is asked for.
#pragma once

#include "key_table.hpp"

namespace qfi {

KeyTable keys_of(SelectFirst& select);
KeyTable keys_of(SelectRandom& select);
KeyTable keys_of(SelectStratified& select);
KeyTable keys_of(SelectList& select);
KeyTable keys_of(CropShare& crop);
KeyTable keys_of(CropSize& crop);
KeyTable keys_of(Resize& resize);
KeyTable keys_of(DataConfig& data);
KeyTable keys_of(InputScaling& input);

KeyTable keys_of(SampleMargin& sample);
KeyTable keys_of(SampleCount& sample);
KeyTable keys_of(SampleList& sample);
KeyTable keys_of(SampleErrorRate& sample);
KeyTable keys_of(SampleSequential& sample);
KeyTable keys_of(SampleBudget& sample);
KeyTable keys_of(SampleGenetic& sample);
Value sample_value(SampleConfig& sample);

KeyTable keys_of(StuckAtConfig& faults);
KeyTable keys_of(TableConfig& table);
KeyTable keys_of(StorageConfig& storage);
KeyTable keys_of(BitFaultConfig& faults);
/// What concerns several keys of an entry.
Result<void> check_together(const YamlNode& entry, const BitFaultConfig& faults);
/// Whether the bits are stuck, not flipped.
bool is_stuck(const BitFaultConfig& faults);
Key layers_key(std::vector<std::string>& layers);
/// An entry of `faults`, of the kind that its model says.
KeyTable keys_of(FaultsConfig& faults);
/// The list of entries; not what concerns several of them.
Value faults_value(std::vector<FaultsConfig>& faults);

KeyTable keys_of(DesignNested& design);
/// `data`, `input`, `metric` and `seed`.
KeyTable keys_of(DataAndInput& config);
/// All keys. `sample` is for the entries of `faults` that have none of their own.
KeyTable keys_of(CampaignConfig& config, std::optional<SampleConfig>& sample);

}  // namespace qfi
