// SPDX-License-Identifier: Apache-2.0
// Owns how shares are printed: in few digits, but never as 0 or as all where they are neither. A larger
// number is never printed as a smaller one than a smaller number is, so that a printed interval holds the
// printed estimate.
#pragma once

#include <string>

namespace qfi {

/// `value`, where 0 is nothing and `whole`, or -`whole`, is everything: with `decimals` decimals, or with two
/// digits that tell it from nothing or from everything; below a ten-thousandth of a percent of the whole as a
/// power of ten, "1.2e-7". "nan": no number.
std::string number_text(double value, double whole, int decimals);

/// "12.3 %", "0.041 %", "99.988 %", "1.2e-7 %"; "0.0 %" and "100.0 %" are exact.
std::string percent_text(double share, int decimals = 1);
/// Writes the same in at least three digits, for shares that are mostly small: "1.23 %".
std::string fine_percent_text(double share);
/// A difference of shares in points, with its sign: "+0.50", "-0.0041".
std::string points_text(double difference);

}  // namespace qfi
