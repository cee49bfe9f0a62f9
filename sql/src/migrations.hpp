#pragma once

#include <vector>

#include <sql/database.hpp>

#include "sqlite_connection.hpp"

namespace sg::sql {

/// Does the steps that the database has not had, each with its number in one transaction.
[[nodiscard]] Status migrate(SqliteConnection& connection, std::vector<Migration> steps);

}  // namespace sg::sql
