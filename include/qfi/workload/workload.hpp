// SPDX-License-Identifier: Apache-2.0
// Owns Workload, what every fault of a campaign is tried on. A model, images and labels come in; the prepared
// program, the golden run and the scoring of a faulty one come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "qfi/data/data_config.hpp"
#include "qfi/data/data_set.hpp"
#include "qfi/engine/device.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/workload/counts.hpp"
#include "qfi/workload/inputs.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {

/// The fault-free run over all images.
struct GoldenRun {
  FaultCounts counts;                              ///< as if fault-free were a fault
  std::vector<FaultCounts> of_image;               ///< the same image by image
  std::vector<std::vector<std::int16_t>> classes;  ///< of each image, of its units; -1: none
  std::vector<std::vector<std::byte>> outputs;     ///< per watched tensor: all images
  TieCounts ties;
};

struct Workload {
  std::shared_ptr<Program> program;
  DataSet data;
  const Task* task = nullptr;  ///< never nullptr once made
  int metric_tensor = 0;       ///< holds the answers
  AnswerShape answer;
  std::vector<ClassMap> label_maps;  ///< of each image, where labels are class maps
  std::vector<int> watched;          ///< model outputs, then the metric tensor if it is none
  std::size_t outputs = 0;           ///< how many of `watched` are model outputs
  GoldenRun golden;
  DeviceParams device;  ///< what computes faulty runs of units

  const Tensor& tensor(int index) const { return program->model().tensors[static_cast<std::size_t>(index)]; }
  std::size_t images() const { return data.images(); }
  Label label(std::size_t image) const {
    if (!label_maps.empty()) return {0, &label_maps[image]};
    return data.labels().empty() ? Label() : Label{data.labels()[image], nullptr};
  }
};

struct WorkloadParams {
  unsigned threads = 1;
  KernelSet kernels = KernelSet::fast;
  std::uint64_t model_memory = k_model_memory;
  bool shuffles_images = false;  ///< by the seed, so that neighbours are a random sample of them
  DeviceParams device = {};
};

/// Prepares the program and runs the golden run. `model_file` is the model's path, for errors. Errors: a
/// metric that is no score per class or pixel, labels that are no classes, images that do not fit, outputs of
/// more than 4 GiB.
Result<Workload> make_workload(Model model, const std::string& model_file, const DataAndInput& source,
                               const WorkloadParams& params);

/// Gives the same workload, its golden run through these units: what faults of units that are not exact are
/// counted against. Errors: as above.
Result<Workload> with_golden_units(const Workload& workload, const Units& units, const InputScaling& scaling,
                                   unsigned threads);

/// Gives one image's tensor after a faulty run. It is asked for watched tensors only.
using TensorOf = std::function<std::span<const std::byte>(int tensor)>;

/// What a faulty run of one image counts.
FaultCounts score_image(const Workload& workload, std::size_t image, const TensorOf& tensor_of);

}  // namespace qfi
