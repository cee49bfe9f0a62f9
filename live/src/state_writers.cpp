#include "state_writers.hpp"

#include <live/dvr_index.hpp>

#include <base/file.hpp>

namespace sg::live {

Status StateWriter::write(const ChannelState& state) {
    const std::lock_guard lock(mutex_);
    if (epoch_before(state.epoch, newest_epoch_)) return {};
    newest_epoch_ = state.epoch;
    if (!file_) {
        SG_TRY(make_folders(folder_));
        SG_TRY_ASSIGN(file_, ChannelStateFile::open(folder_ / "state"));
    }
    return file_->write(state);
}

std::shared_ptr<StateWriter> StateWriters::of(const std::filesystem::path& folder) {
    const std::lock_guard lock(mutex_);
    std::erase_if(writers_, [](const auto& each) { return each.second.expired(); });
    auto& known = writers_[folder];
    auto writer = known.lock();
    if (!writer) known = writer = std::make_shared<StateWriter>(folder);
    return writer;
}

bool StateWriters::in_use(const std::filesystem::path& folder) const {
    const std::lock_guard lock(mutex_);
    const auto found = writers_.find(folder);
    return found != writers_.end() && !found->second.expired();
}

}  // namespace sg::live
