#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <live/channel_state.hpp>

#include <base/result.hpp>

namespace sg::live {

/// Writes the state of one channel's name. What a session that ends has left to say never
/// overwrites what the next one said. Any thread; blocks on the disk.
class StateWriter {
  public:
    explicit StateWriter(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// The file, and its folder, are made with the first state.
    [[nodiscard]] Status write(const ChannelState& state);

  private:
    const std::filesystem::path folder_;
    std::mutex mutex_;
    std::optional<ChannelStateFile> file_;
    std::string newest_epoch_;
};

/// One writer for each folder, however many sessions of its channel there are. Any thread.
class StateWriters {
  public:
    /// Lives as long as somebody holds it.
    [[nodiscard]] std::shared_ptr<StateWriter> of(const std::filesystem::path& folder);
    /// Whether a session of this process writes there, or has something left to write.
    [[nodiscard]] bool in_use(const std::filesystem::path& folder) const;

  private:
    mutable std::mutex mutex_;
    std::map<std::filesystem::path, std::weak_ptr<StateWriter>> writers_;
};

}  // namespace sg::live
