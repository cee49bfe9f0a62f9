#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <live/channel.hpp>
#include <live/channel_observer.hpp>
#include <live/channel_state.hpp>
#include <live/disk_writer.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>

#include "disk_health.hpp"
#include "state_writers.hpp"

namespace sg::live {

/// Folders of epochs that channels write to: not to be cleaned away. Any thread.
class ActiveFolders {
  public:
    void add(const std::filesystem::path& folder);
    void remove(const std::filesystem::path& folder);
    [[nodiscard]] bool contains(const std::filesystem::path& folder) const;
    /// Whether one of them lies in `channel`.
    [[nodiscard]] bool any_in(const std::filesystem::path& channel) const;

  private:
    mutable std::mutex mutex_;
    std::set<std::filesystem::path> folders_;
};

/// What all channels of a store share.
struct StoreParts : std::enable_shared_from_this<StoreParts> {
    StoreParts(std::filesystem::path data,
               const DiskWriter::Limits& limits,
               const Clock& c,
               Metrics& m);

    /// clean_store() on a thread of the disk. Any thread.
    void clean();
    /// The same when some minutes have passed since: a channel may be on air for months.
    void clean_when_due();

    const std::filesystem::path folder;
    const Clock& clock;
    Metrics& metrics;
    DiskHealth health;
    ActiveFolders active;
    StateWriters states;
    DiskWriter disk;

  private:
    std::uint64_t clean_key_;
    std::atomic<Clock::Monotonic> next_clean_;
};

/// Writes one channel's state and, with DVR, its closed segments. On the channel's thread.
class DvrObserver final : public ChannelObserver {
  public:
    DvrObserver(Channel& channel, std::filesystem::path folder, std::shared_ptr<StoreParts> parts);
    ~DvrObserver() override;

    void on_segment(std::size_t rendition,
                    const std::shared_ptr<const packagers::LiveSegment>& segment) override;
    void on_end(bool may_continue) override;

  private:
    void store(std::size_t rendition, const std::shared_ptr<const packagers::LiveSegment>& segment);
    void write_state();

    std::weak_ptr<Channel> channel_;
    boost::asio::io_context& home_;
    std::string name_;
    std::filesystem::path epoch_folder_;
    std::vector<std::filesystem::path> active_;  ///< of which segments are listed
    std::shared_ptr<StoreParts> parts_;
    std::uint64_t key_;
    bool dvr_ = false;
    std::int64_t keep_us_ = 0;
    ChannelState state_;
    std::shared_ptr<StateWriter> state_writer_;
    std::vector<std::shared_ptr<class DvrTrack>> tracks_;
    Counter written_bytes_;
    Counter dropped_segments_;
};

/// How long files of a channel stay after its last segment.
[[nodiscard]] std::chrono::seconds kept_on_disk(const ChannelSettings& settings);

}  // namespace sg::live
