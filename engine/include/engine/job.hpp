#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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
    /// JSON texts of presets that the document carries, by the name it calls them ("mine@3"): they
    /// come before the library's.
    std::map<std::string, std::string> presets;

    // For a server's queue; without one they say nothing.
    std::string external_id;          ///< the submitter's own name for it
    std::string priority = "normal";  ///< "bulk", "low", "normal", "high", "urgent"
    std::string deadline;             ///< RFC 3339, UTC; empty: none
    std::vector<std::string> notify;  ///< http(s) addresses that are told when it has ended
};

/// One fault of a job document, for programs.
struct JobFault {
    /// "unknown_field", "wrong_type", "missing_field", "out_of_range", "invalid_value", "malformed"
    std::string code;
    std::string pointer;  ///< to the member at fault, RFC 6901
    std::string message;  ///< with what is accepted
};
enum class JobSyntax { kJson, kYaml };

/// All faults at once; nothing when there is one. JSON is held to its types: a number is no text.
/// `output` is empty when the document names none.
[[nodiscard]] std::optional<JobDocument> read_job(std::string_view text,
                                                  JobSyntax syntax,
                                                  std::vector<JobFault>& faults);

/// Reads a job document, YAML or JSON. The error names line, field and what is accepted.
[[nodiscard]] Result<JobDocument> parse_job(const std::string& text, const std::string& name);
[[nodiscard]] Result<JobDocument> load_job(const std::filesystem::path& path);
[[nodiscard]] std::string to_json(const JobDocument& job);

/// Folder names for a job's inputs: given ones kept, others from the file name, made unique and
/// safe ("film", "film-2").
[[nodiscard]] std::vector<std::string> output_names(const JobDocument& job);

}  // namespace sg::engine
