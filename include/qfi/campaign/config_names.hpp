// SPDX-License-Identifier: Apache-2.0
// The words of configs and command line options, and what they mean.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "qfi/campaign/config.hpp"

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
inline const Names<SiteKind> k_sites = {{"nets", SiteKind::nets}, {"pins", SiteKind::pins}};
inline const Names<PaddingTaps> k_padding = {{"skip", PaddingTaps::skip},
                                             {"multiply", PaddingTaps::multiply}};
inline const Names<Rounding> k_rounding = {{"up", Rounding::up}, {"nearest", Rounding::nearest}};

template <class T>
std::string name_in(const Names<T>& names, T value) {
  return std::ranges::find(names, value, &std::pair<std::string, T>::second)->first;
}

}  // namespace qfi
