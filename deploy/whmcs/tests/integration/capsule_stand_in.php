<?php
/** WHMCS's door to its database, on arrays. */

namespace WHMCS\Database;

final class Capsule
{
    public static array $tables = [];

    public static function table(string $name): Query
    {
        if (!array_key_exists($name, self::$tables)) {
            throw new \RuntimeException("Table '$name' doesn't exist");
        }
        return new Query($name);
    }

    public static function schema(): Schema
    {
        return new Schema();
    }
}

final class Query
{
    private array $conditions = [];
    private string $order = '';
    private ?int $limit = null;

    public function __construct(private string $table)
    {
    }

    public function where(string $column, mixed $operator, mixed $value = null): self
    {
        $this->conditions[] = func_num_args() === 2 ? [$column, '=', $operator] : [$column, $operator, $value];
        return $this;
    }

    public function orderBy(string $column): self
    {
        $this->order = $column;
        return $this;
    }

    public function limit(int $rows): self
    {
        $this->limit = $rows;
        return $this;
    }

    public function get(): array
    {
        $rows = array_values(array_filter(Capsule::$tables[$this->table], fn ($row) => $this->fits($row)));
        if ($this->order !== '') {
            usort($rows, fn ($one, $other) => $one[$this->order] <=> $other[$this->order]);
        }
        return array_map(fn ($row) => (object) $row, array_slice($rows, 0, $this->limit));
    }

    public function first(): ?object
    {
        return $this->get()[0] ?? null;
    }

    public function value(string $column): mixed
    {
        return $this->first()?->$column;
    }

    public function insert(array $rows): void
    {
        Capsule::$tables[$this->table] = array_merge(Capsule::$tables[$this->table], $rows);
    }

    public function insertGetId(array $row): int
    {
        $id = 1 + max([0, ...array_column(Capsule::$tables[$this->table], 'id')]);
        $this->insert([['id' => $id] + $row]);
        return $id;
    }

    public function delete(): void
    {
        $left = array_filter(Capsule::$tables[$this->table], fn ($row) => !$this->fits($row));
        Capsule::$tables[$this->table] = array_values($left);
    }

    private function fits(array $row): bool
    {
        foreach ($this->conditions as [$column, $operator, $value]) {
            if (!($operator === '<' ? $row[$column] < $value : $row[$column] == $value)) {
                return false;
            }
        }
        return true;
    }
}

final class Schema
{
    public function hasTable(string $name): bool
    {
        return array_key_exists($name, Capsule::$tables);
    }

    public function create(string $name, callable $columns): void
    {
        Capsule::$tables[$name] = [];
    }
}
