#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <base/result.hpp>

namespace sg::engine {

enum class VerifyMode { kOff, kQuick, kFull };
enum class PublishMode {
    kEnd,    ///< nothing is visible before everything is verified
    kEarly,  ///< an EVENT playlist grows while chunks finish
};

struct JobInput {
    std::string uri;   ///< a path, an image pattern ("frames/%04d.png"), or "-" for standard input
    std::string name;  ///< folder below the output when a job has several inputs; made from the
                       ///< file name when left out
    std::optional<std::string> preset;             ///< instead of the job's
    std::map<std::string, std::string> overrides;  ///< on top of the job's
};

/// What a user asks for. The command line only builds one of these; the planner sees nothing else.
struct JobDocument {
    int version = 1;
    std::vector<JobInput> inputs;
    std::string preset = "web-hd";
    std::map<std::string, std::string> overrides;  ///< dotted preset keys: "video.crf" = "21"
    std::string output = "out";                    ///< folder
    std::optional<VerifyMode> verify;              ///< none: the preset's
    PublishMode publish = PublishMode::kEnd;
    bool quality = false;  ///< measure PSNR and SSIM of each rendition
    std::map<std::string, std::string> tags;
};

/// Reads a job document, YAML or JSON. The error names line, field and what is accepted.
[[nodiscard]] Result<JobDocument> parse_job(const std::string& text, const std::string& name);
[[nodiscard]] Result<JobDocument> load_job(const std::filesystem::path& path);
[[nodiscard]] std::string to_json(const JobDocument& job);

/// Folder names for a job's inputs: given ones kept, others from the file name, made unique and
/// safe ("film", "film-2").
[[nodiscard]] std::vector<std::string> output_names(const JobDocument& job);

}  // namespace sg::engine
