#include "copy_by_tables.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "attempt_sink.hpp"
#include "copy_recipe.hpp"
#include "row_copier.hpp"
#include "task_meter.hpp"

namespace sg::engine {
namespace {

/// One alone does not fill the memory's bandwidth; more hardly gain.
constexpr unsigned kThreads = 2;

/// Hands out rows of segments, and keeps what became of them.
class Rows {
  public:
    Rows(CopyRecipe recipe, CopiedTracks tracks, std::filesystem::path folder, std::stop_token stop)
        : recipe_(std::move(recipe)), tracks_(std::move(tracks)), stop_(std::move(stop)) {
        for (const auto& t : recipe_.tracks)
            sinks_.push_back(std::make_unique<AttemptSink>(folder, t.description.rendition));
    }

    [[nodiscard]] Status begin() {
        for (std::size_t i = 0; i < sinks_.size(); ++i)
            SG_TRY(sinks_[i]->on_track(recipe_.tracks[i].description, recipe_.tracks[i].init));
        return {};
    }

    /// Empty when there is nothing more to do.
    [[nodiscard]] std::vector<RowSegment> take() {
        const std::lock_guard lock(mutex_);
        std::vector<RowSegment> row;
        if (stop_.stop_requested()) error_ = Error{Errc::kCancelled, "copy: stopped"};
        if (error_ || unsuited_) return row;
        for (std::size_t i = 0; i < sinks_.size(); ++i) {
            auto next = tracks_.tracks()[i].next();
            if (!next) {
                set_unsuited(next.error().message);
                return {};
            }
            if (!*next) continue;
            const auto& index = (*next)->layout.index;
            sinks_[i]->note_segment(index);
            row.push_back({std::move(**next),
                           sinks_[i]->segment_path(index.number),
                           recipe_.tracks[i].codec,
                           recipe_.tracks[i].nal_length_size});
        }
        return row;
    }

    void give_up(const std::string& why) {
        const std::lock_guard lock(mutex_);
        set_unsuited(why);
    }
    void fail(Error error) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::move(error);
    }

    // After all threads ended.
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    [[nodiscard]] bool unsuited() const { return unsuited_; }
    [[nodiscard]] const std::vector<std::unique_ptr<AttemptSink>>& sinks() const { return sinks_; }

  private:
    void set_unsuited(const std::string& why) {
        if (!unsuited_) log::debug("copy_by_packets reason=\"{}\"", why);
        unsuited_ = true;
    }

    std::mutex mutex_;
    CopyRecipe recipe_;
    CopiedTracks tracks_;
    std::stop_token stop_;
    std::vector<std::unique_ptr<AttemptSink>> sinks_;
    std::optional<Error> error_;
    bool unsuited_ = false;
};

void copy_rows(Rows& rows, int source, const std::string& name, TaskMeter& meter) {
    RowCopier copier(source, name);
    for (auto row = rows.take(); !row.empty(); row = rows.take()) {
        auto whole = copier.copy(row);
        if (!whole) return rows.fail(std::move(whole).error());
        if (!*whole) return rows.give_up("a sample needs cleaning, or the source is cut off");
        std::int64_t bytes = 0;
        for (const auto& s : row) bytes += static_cast<std::int64_t>(s.segment.layout.index.bytes);
        if (auto status = meter.advance(bytes, bytes); !status) return rows.fail(status.error());
    }
}

}  // namespace

Result<std::optional<std::string>> copy_by_tables(const TaskRequest& request,
                                                  const pipeline::Plan& plan,
                                                  TaskContext& context) {
    const std::optional<std::string> nothing;
    const int source = context.fds.front().get();
    const formats::ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
        return read_at(source, offset, into, request.source_name);
    };
    SG_TRY_ASSIGN(auto recipe, CopyRecipe::from_json(request.copy));
    auto tracks = CopiedTracks::open(plan, recipe, read);
    if (!tracks) return nothing;
    Rows rows(std::move(recipe), std::move(*tracks), request.folder, context.stop);
    SG_TRY(rows.begin());
    TaskMeter meter(context.progress, plan.source.identity.bytes);
    {
        std::vector<std::jthread> others;
        const auto threads = std::clamp(std::thread::hardware_concurrency(), 1U, kThreads);
        for (unsigned i = 1; i < threads; ++i)
            others.emplace_back([&] { copy_rows(rows, source, request.source_name, meter); });
        copy_rows(rows, source, request.source_name, meter);
    }
    if (rows.error()) return *rows.error();
    if (rows.unsuited()) {
        // Its own names, but nothing may be left of what was begun.
        std::error_code ec;
        for (const auto& sink : rows.sinks())
            std::filesystem::remove_all(request.folder / sink->part().description.rendition, ec);
        if (ec) return errno_error(ec.value(), "clear " + request.folder.string());
        return nothing;
    }
    return std::optional(result_text(nlohmann::json::object(), rows.sinks()));
}

}  // namespace sg::engine
