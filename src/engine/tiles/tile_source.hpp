// SPDX-License-Identifier: Apache-2.0
// Devices on a tile machine for the threads of a campaign.
#pragma once

#include <memory>

#include "qfi/engine/device.hpp"
#include "tile_machine.hpp"

namespace qfi::tiles {

/// `memory`: bytes of the machine that may be taken; 0: most of what is free. Error: the machine breaks or
/// fails a proof, or the CPU alone computes most of the network.
Result<std::unique_ptr<DeviceSource>> make_tile_source(std::unique_ptr<TileMachine> machine,
                                                       const Program& program, const DevicePlan& plan,
                                                       std::uint64_t memory);

}  // namespace qfi::tiles
