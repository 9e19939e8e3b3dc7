// SPDX-License-Identifier: Apache-2.0
#include "layer_plan.hpp"

#include <algorithm>

namespace qfi {

// The shortest path through the inferences in their order: each is computed as a whole, which costs a call
// where the one before is not, or otherwise.
void LayerPlan::choose_ways(const LayerPrices& prices) {
  m_steps.resize(inferences.size());
  double whole = std::numeric_limits<double>::infinity();
  double other = 0;
  for (std::size_t k = 0; k < inferences.size(); ++k) {
    const Inference& inference = inferences[k];
    m_steps[k] = {whole < other + prices.call, whole < other};
    const double before = std::min(whole, other);
    whole = inference.is_apart ? std::numeric_limits<double>::infinity()
                               : std::min(whole, other + prices.call) + prices.image;
    other = before + (inference.is_reached ? std::min(inference.changes, inference.listed) : 0);
  }
  bool is_whole = whole < other;
  for (std::size_t k = inferences.size(); k-- > 0;) {
    Inference& inference = inferences[k];
    inference.way = is_whole                                ? Way::whole
                    : !inference.is_reached                 ? Way::none
                    : inference.changes <= inference.listed ? Way::changes
                                                            : Way::listed;
    is_whole = is_whole ? m_steps[k].whole_from_whole : m_steps[k].other_from_whole;
  }
}

}  // namespace qfi
