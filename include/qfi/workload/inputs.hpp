// SPDX-License-Identifier: Apache-2.0
// How data reach a model's inputs. A model, a data set and a scaling go in; the stored values of each input
// tensor come out, a block of images at a time.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "qfi/data/data_set.hpp"
#include "qfi/model/model.hpp"

namespace qfi {

/// The names of the inputs where there are several, for DataSet::open; else none. Error: two have one name.
Result<std::vector<std::string>> input_names(const Model& model);

/// Takes the stored values of an input tensor, all images of a block.
using TakeInput = std::function<void(int tensor, std::span<const std::byte> values)>;

/// Hands images first .. first+count-1 to `take`, input by input. Errors: those of DataSet::read_inputs.
Result<void> read_inputs(const Model& model, const DataSet& data, const InputScaling& scaling,
                         std::size_t first, std::size_t count, const TakeInput& take);

}  // namespace qfi
