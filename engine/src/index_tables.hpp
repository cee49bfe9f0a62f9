#pragma once

#include <functional>

#include <base/result.hpp>
#include <engine/index.hpp>

#include "index_clock.hpp"

namespace sg::ingest {
class TimedReader;
}

namespace sg::engine {

/// Fills in `record` for trackers from the sample tables of a progressive MP4 or MOV instead of
/// from its payload. What the tables say is held against what the demuxer delivers at the front and
/// at the end; false, with nothing emitted, when they differ or the file is of another kind: then
/// it must be read whole. Leaves the reader anywhere. `tables` is filled in when it is true.
[[nodiscard]] Result<bool> records_from_tables(ingest::TimedReader& reader,
                                               const std::vector<int>& streams,
                                               const std::function<void(const IndexRecord&)>& emit,
                                               std::vector<StreamTable>& tables);

}  // namespace sg::engine
