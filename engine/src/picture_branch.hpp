#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <base/result.hpp>
#include <pipeline/graph.hpp>
#include <pipeline/plan.hpp>
#include <transcoders/scale_stage.hpp>

namespace sg::engine {

/// A branch of a plan's pictures in a graph: its filters and the scaling to its renditions.
struct PictureBranch {
    std::vector<std::size_t> renditions;  ///< of the plan; none: nothing was added
    pipeline::GraphBuilder::Node scale;   ///< an output for each of them, in this order
};

/// Behind `grid`, which gives pictures at the plan's rate. Encoding, live encoding and the
/// measurement of quality see the same pictures. `edge` leads into the branch's lane and is named
/// here; `takes` counts renditions as PictureBranch does.
[[nodiscard]] Result<PictureBranch> add_picture_branch(pipeline::GraphBuilder& graph,
                                                       pipeline::GraphBuilder::Node grid,
                                                       const pipeline::VideoPlan& video,
                                                       std::int64_t branch,
                                                       pipeline::EdgeOptions edge,
                                                       transcoders::ScaleStage::Takes takes = {});

/// The encoded rendition with the most pixels, whose encoder takes longest.
[[nodiscard]] std::size_t largest_rendition(const pipeline::VideoPlan& video);

}  // namespace sg::engine
