#pragma once

#include <filesystem>
#include <memory>

#include <live/channel_settings.hpp>
#include <live/channel_state.hpp>
#include <live/disk_writer.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>

namespace sg::live {

class Channel;

struct SegmentStoreOptions {
    /// Below it: live/<application>/<name>/ with `state` and a folder for each epoch, and
    /// recordings/<application>/<name>/.
    std::filesystem::path folder;
    DiskWriter::Limits disk;
};

/// What the local disk keeps of channels: where they stand, their DVR windows and recordings. A
/// disk that is full or too slow costs what would have been written, never a channel's time. Any
/// thread. Goes before the io_contexts of its channels.
class SegmentStore {
  public:
    SegmentStore(SegmentStoreOptions options, const Clock& clock, Metrics& metrics);
    /// Writes what waits.
    ~SegmentStore();

    /// How this channel goes on when an earlier run left it in the middle and not longer than it is
    /// kept; nothing when a session of this run was the last. Reads the disk: some milliseconds for
    /// a window of hours.
    [[nodiscard]] ChannelContinuation restore(const ChannelSettings& settings) const;

    /// On the channel's thread, before its first feed.
    void observe(Channel& channel);

    /// Removes what dead channels left when its time is over; also done now and then while
    /// channels run.
    void clean();
    /// Waits until all that was posted is written.
    void drain();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The folder of a channel in a store's folder.
[[nodiscard]] std::filesystem::path channel_folder(const std::filesystem::path& store,
                                                   std::string_view channel);

}  // namespace sg::live
