#include "dvr_cleaning.hpp"

#include <chrono>
#include <vector>

#include <live/channel_state.hpp>
#include <live/dvr_index.hpp>
#include <sys/stat.h>

#include <base/log.hpp>

#include "dvr_observer.hpp"

namespace sg::live {
namespace {

namespace fs = std::filesystem;

/// Of channels whose state cannot be read.
constexpr auto kKeepUnknown = std::chrono::hours(24);

std::vector<fs::path> folders_in(const fs::path& folder) {
    std::vector<fs::path> out;
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        std::error_code unseen;
        if (at->is_directory(unseen) && !at->is_symlink(unseen)) out.push_back(at->path());
    }
    return out;
}

std::chrono::seconds age_of(const fs::path& file, Clock::Wall now) {
    struct stat facts {};
    if (::stat(file.c_str(), &facts) != 0) return {};
    return std::chrono::duration_cast<std::chrono::seconds>(
        now - std::chrono::system_clock::from_time_t(facts.st_mtime));
}

/// The number of files that went.
std::size_t clean_epoch(const fs::path& epoch, std::chrono::seconds keep, Clock::Wall now) {
    std::vector<fs::path> old;
    std::error_code failed;
    for (fs::directory_iterator at(epoch, failed), end; !failed && at != end;
         at.increment(failed)) {
        const auto extension = at->path().extension();
        const bool ours = extension == kDvrMediaExtension || extension == kDvrIndexExtension;
        if (ours && age_of(at->path(), now) > keep) old.push_back(at->path());
    }
    for (const auto& file : old) fs::remove(file, failed);
    return old.size();
}

void clean_channel(const fs::path& channel, const ActiveFolders& active, Clock::Wall now) {
    const auto state_file = channel / "state";
    const auto state = ChannelStateFile::read(state_file);
    const auto keep = state ? state->keep : std::chrono::seconds(kKeepUnknown);
    std::size_t gone = 0;
    std::error_code failed;
    for (const auto& epoch : dvr_epochs(channel)) {
        if (active.contains(epoch)) continue;
        gone += clean_epoch(epoch, keep, now);
        fs::remove(epoch, failed);  // only when it is empty
    }
    if (gone > 0) log::info("dvr_cleaned folder={} files={}", channel.string(), gone);
    // Without a state it was killed before it had one, or while it was removed.
    const bool known = fs::exists(state_file, failed);
    if (active.any_in(channel) || age_of(known ? state_file : channel, now) <= keep) return;
    if (dvr_epochs(channel).empty()) fs::remove(state_file, failed);
    fs::remove(channel, failed);
}

}  // namespace

void clean_store(const fs::path& folder, const ActiveFolders& active, Clock::Wall now) {
    for (const auto& application : folders_in(folder)) {
        for (const auto& channel : folders_in(application)) clean_channel(channel, active, now);
        std::error_code failed;
        fs::remove(application, failed);
    }
}

}  // namespace sg::live
