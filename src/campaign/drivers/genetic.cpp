// SPDX-License-Identifier: Apache-2.0
// The genetic search, generation by generation; each is a function of those before it.
#include "qfi/base/random.hpp"
#include "qfi/campaign/driver.hpp"

namespace qfi {
namespace {

class GeneticDriver final : public Driver {
 public:
  explicit GeneticDriver(const SampleGenetic& sample) : m_sample(sample) {}

  Result<void> begin(FaultSet& set, unsigned) override {
    QFI_CHECK(check(set));
    return add(set, first_generation(set.layer_bits(), m_sample, set.seed()));
  }

  Result<std::optional<std::string>> next(FaultSet& set, unsigned) override {
    if (!m_search) m_search.emplace(set.layer_bits(), m_sample);
    m_search->add(individuals_of(set, set.drawn() - m_sample.population));
    if (m_search->is_settled()) return "the order of the layers no longer changes";
    const std::uint64_t generation = set.drawn() / m_sample.population;
    if (generation == m_sample.generations) return "all generations are run";
    QFI_CHECK(
        add(set, next_generation(set.layer_bits(), m_sample, set.seed(), generation, individuals_of(set))));
    return std::nullopt;
  }

  std::uint64_t expected_faults(const FaultSet&, double) const override {
    return m_sample.population * m_sample.generations;
  }

  SampleFacts facts(const FaultSet&) const override {
    SampleFacts facts;
    facts.search = {m_sample, {}, {}};
    if (m_search) {
      facts.search->layers = m_search->layers();
      facts.search->generations = m_search->generations();
    }
    return facts;
  }

 private:
  // The whole search must fit before it begins.
  Result<void> check(const FaultSet& set) const {
    const std::uint64_t bits = set.population();
    if (set.layer_bits().empty()) return bad_input("a genetic search is for faults of stored bits");
    if (m_sample.flips > bits / 2)
      return bad_input("sample: {} flips at once of {} bits; a search needs twice as many", m_sample.flips,
                       bits);
    const double most = static_cast<double>(m_sample.population) * static_cast<double>(m_sample.generations);
    if (most > static_cast<double>(k_most_faults))
      return bad_input("sample: {:.0f} individuals in all generations; at most {} can be drawn", most,
                       k_most_faults);
    if (most * static_cast<double>(m_sample.flips) > static_cast<double>(k_most_flips))
      return bad_input("sample: {:.0f} flips in all generations; at most {} are possible",
                       most * static_cast<double>(m_sample.flips), k_most_flips);
    return {};
  }

  static Result<void> add(FaultSet& set, std::vector<Genome> generation) {
    return set.add_chosen(std::move(generation));
  }

  SampleGenetic m_sample;
  std::optional<LayerSearch> m_search;
};

}  // namespace

std::unique_ptr<Driver> make_genetic_driver(const SampleGenetic& sample) {
  return std::make_unique<GeneticDriver>(sample);
}

}  // namespace qfi
