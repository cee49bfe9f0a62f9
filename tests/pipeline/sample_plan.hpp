#pragma once

#include <pipeline/plan.hpp>

namespace sg::test {

/// A plan with no field left at its default.
[[nodiscard]] pipeline::Plan sample_plan();

}  // namespace sg::test
