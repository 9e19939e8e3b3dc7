// SPDX-License-Identifier: Apache-2.0
// Plan: everything that is decided before the first faulty inference. Config in; out come the
// loaded model, images and netlist, the golden run, the drawn faults and what is known of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "qfi/campaign/classification.hpp"
#include "qfi/campaign/config.hpp"
#include "qfi/campaign/faulty_unit.hpp"
#include "qfi/data/data_set.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/tables/fault_tables.hpp"

namespace qfi {

/// Why a drawn fault needs no inference of its own, or that it does.
enum class FaultFate : std::uint8_t {
  runs,          ///< the first drawn fault of its kind
  equal,         ///< the products of an earlier drawn fault
  table_masked,  ///< the fault-free products on every pair that a layer can form
  use_masked,    ///< changes products, but none that the golden run forms: nothing can differ
};

struct PlannedFault {
  StuckAt fault;
  FaultEffect effect;
  FaultFate fate = FaultFate::runs;
  std::size_t same_as = 0;  ///< for `equal` the drawn fault that runs in its place, else itself
};

/// One image under one fault.
struct ImageScore {
  bool top1 = false;     ///< the label is the first
  bool top5 = false;     ///< it is among the first five
  bool changed = false;  ///< the first class is not the golden one
};

/// The fault-free run over all images.
struct GoldenRun {
  std::vector<int> top1;           ///< class of each image; -1: none
  std::vector<ImageScore> scores;  ///< of each image
  ClassificationCounts counts;     ///< as if fault-free were a fault
  std::uint64_t top5_ties = 0;     ///< images whose 5th and 6th best class tie
  std::uint64_t top5_hanging = 0;  ///< images whose label is in or out of the top 5 by the tie rule
  std::vector<std::vector<std::byte>> outputs;  ///< per watched tensor: all images
};

/// What was checked, for the results.
struct Proof {
  std::uint64_t table_path_images = 0;  ///< outputs by exact tables equal those of the golden path
  std::uint64_t fault_free_pairs = 0;   ///< fault-free products of the netlist that equal the product
  std::uint64_t golden_products = 0;    ///< products of the golden run that go through the unit
};

/// Images first .. first+count-1 and the tensors that operators from `Plan::cut` on need.
struct ImageBlock {
  std::size_t first = 0;
  std::size_t count = 0;
  std::vector<std::vector<std::byte>> live;  ///< per Plan::live_tensors
};

struct Plan {
  CampaignConfig config;
  std::unique_ptr<Program> program;
  DataSet data;
  std::unique_ptr<Netlist> netlist;
  std::vector<FaultyOperator> operators;
  std::unique_ptr<FaultTables> tables;

  std::uint64_t sites = 0;
  std::uint64_t population = 0;           ///< N = 2 * sites
  std::optional<SampleSize> sample_size;  ///< where a margin sized the sample
  std::vector<PlannedFault> faults;       ///< in the order of drawing
  std::vector<std::size_t> running;       ///< those with the fate `runs`

  int metric_tensor = 0;
  std::size_t classes = 0;
  std::vector<int> watched;  ///< model outputs, then the metric tensor if it is none
  std::size_t outputs = 0;   ///< how many of `watched` are model outputs
  std::size_t cut = 0;       ///< first operator of a faulty run; before it all is golden
  std::vector<int> live_tensors;
  std::vector<ImageBlock> blocks;  ///< fixed by model and images, never by the machine
  GoldenRun golden;
  Proof proof;
  double seconds_per_image = 0;  ///< of a faulty inference on one thread, measured
};

struct PlanParams {
  unsigned threads = 1;
  KernelSet kernels = KernelSet::portable;
};

Result<Plan> make_plan(CampaignConfig config, const PlanParams& params);

/// What a faulty run over a block left in the watched tensors, against the golden run.
/// `scores` gets an entry for each image of the block.
ClassificationCounts score_block(const Plan& plan, const Batch& batch, const ImageBlock& block,
                                 std::vector<ImageScore>& scores);

/// Puts a block's golden tensors into a batch, ready to run from Plan::cut.
void restore_block(const Plan& plan, const ImageBlock& block, Batch& batch);

}  // namespace qfi
