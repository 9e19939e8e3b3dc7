// SPDX-License-Identifier: Apache-2.0
// The words of configs and command line options. In: a word, or a value of an enumeration. Out: the other of
// the two.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "qfi/config/config.hpp"

namespace qfi {

template <class T>
using Names = std::vector<std::pair<std::string, T>>;

inline const Names<DataFormat> k_formats = {{"cifar10", DataFormat::cifar10},
                                            {"cifar100", DataFormat::cifar100},
                                            {"cifar100_coarse", DataFormat::cifar100_coarse},
                                            {"idx", DataFormat::idx},
                                            {"npy", DataFormat::npy},
                                            {"npz", DataFormat::npz},
                                            {"images", DataFormat::images}};
inline const Names<DataLayout> k_layouts = {
    {"nhwc", DataLayout::nhwc}, {"nchw", DataLayout::nchw}, {"flat", DataLayout::flat}};
inline const Names<ColorMode> k_colors = {
    {"as_stored", ColorMode::as_stored}, {"rgb", ColorMode::rgb}, {"grey", ColorMode::grey}};
inline const Names<ResizeMethod> k_methods = {{"bilinear", ResizeMethod::bilinear},
                                              {"nearest", ResizeMethod::nearest}};
inline const Names<OperatorKind> k_weighted = {{"conv_2d", OperatorKind::conv_2d},
                                               {"depthwise_conv_2d", OperatorKind::depthwise_conv_2d},
                                               {"transpose_conv", OperatorKind::transpose_conv},
                                               {"fully_connected", OperatorKind::fully_connected}};
inline const Names<OperandEncoding> k_encodings = {{"raw", OperandEncoding::raw},
                                                   {"offset", OperandEncoding::offset}};
inline const Names<Rs1> k_rs1 = {{"weight", Rs1::weight}, {"input", Rs1::input}};
inline const Names<BridgeKind> k_bridges = {{"wired_and", BridgeKind::wired_and},
                                            {"wired_or", BridgeKind::wired_or},
                                            {"dominant", BridgeKind::dominant}};
inline const Names<SiteKind> k_sites = {{"nets", SiteKind::nets}, {"pins", SiteKind::pins}};
inline const Names<PaddingTaps> k_padding = {{"skip", PaddingTaps::skip},
                                             {"multiply", PaddingTaps::multiply}};
inline const Names<TableOrder> k_orders = {{"rising", TableOrder::rising},
                                           {"twos_complement", TableOrder::twos_complement}};
inline const Names<TableValues> k_table_values = {{"as_stored", TableValues::as_stored},
                                                  {"twos_complement", TableValues::twos_complement},
                                                  {"shifted", TableValues::shifted}};
inline const Names<Rounding> k_rounding = {{"up", Rounding::up}, {"nearest", Rounding::nearest}};
inline const Names<FaultTarget> k_targets = {
    {"weights", FaultTarget::weights}, {"biases", FaultTarget::biases}, {"data", FaultTarget::data}};
inline const Names<Duration> k_durations = {{"permanent", Duration::permanent},
                                            {"transient", Duration::transient}};
inline const Names<BitFaultModel> k_polarities = {{"0", BitFaultModel::stuck_at_0},
                                                  {"1", BitFaultModel::stuck_at_1}};
inline const Names<Stage> k_stages = {{"network_input", Stage::network_input},
                                      {"operator_input", Stage::operator_input},
                                      {"accumulator", Stage::accumulator},
                                      {"output", Stage::output}};
inline const Names<Protection> k_protections = [] {
  Names<Protection> names;
  for (const CodecKind& kind : codec_kinds()) names.emplace_back(kind.name, kind.protection);
  return names;
}();
inline const Names<SampleScheme> k_schemes = {{"network", SampleScheme::network},
                                              {"layer", SampleScheme::layer},
                                              {"bit", SampleScheme::bit},
                                              {"data_aware", SampleScheme::data_aware},
                                              {"data_aware_weights", SampleScheme::data_aware_weights}};
inline const Names<SmallStrata> k_small = {{"error", SmallStrata::error},
                                           {"exhaustive", SmallStrata::exhaustive}};
inline const Names<BitErrorDraw> k_draws = {{"binomial", BitErrorDraw::binomial},
                                            {"fixed", BitErrorDraw::fixed}};
inline const Names<StopMetric> k_stop_metrics = {{"sdc_rate", StopMetric::sdc_rate},
                                                 {"faulty_accuracy", StopMetric::faulty_accuracy},
                                                 {"critical_fault_rate", StopMetric::critical_fault_rate}};
inline const Names<RowIntervals> k_row_intervals = {{"each", RowIntervals::each},
                                                    {"together", RowIntervals::together}};

/// All kinds, as "conv_2d".
inline Names<OperatorKind> operator_kind_names() {
  Names<OperatorKind> names;
  for (int kind = 0; kind <= static_cast<int>(OperatorKind::unpack); ++kind) {
    std::string name = name_of(static_cast<OperatorKind>(kind));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    names.emplace_back(name, static_cast<OperatorKind>(kind));
  }
  return names;
}

template <class T>
std::string name_in(const Names<T>& names, T value) {
  return std::ranges::find(names, value, &std::pair<std::string, T>::second)->first;
}

}  // namespace qfi
