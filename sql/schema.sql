-- Generated from the declarations in tmdb_assets/warehouse (make schema). Do not edit.

CREATE TABLE IF NOT EXISTS applied_sql (
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_applied_sql PRIMARY KEY (name)
);

COMMENT ON TABLE applied_sql IS 'One row per SQL text applied to this database: the schema and each view, with the hash of its text.';

COMMENT ON COLUMN applied_sql.name IS 'schema, or the view''s name.';

COMMENT ON COLUMN applied_sql.sha256 IS 'Hash of the text that was applied.';

COMMENT ON COLUMN applied_sql.applied_at IS 'When it was applied (UTC).';

CREATE TABLE IF NOT EXISTS check_result (
    date_id DATE NOT NULL,
    asset_name TEXT NOT NULL,
    check_name TEXT NOT NULL,
    is_passed BOOLEAN NOT NULL,
    severity TEXT NOT NULL,
    description TEXT,
    checked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_check_result PRIMARY KEY (date_id, asset_name, check_name),
    CONSTRAINT ck_check_result_severity_one_of CHECK (severity in ('error', 'warn'))
);

COMMENT ON TABLE check_result IS 'One row per day, asset and check: what the check said when it last ran for that day.';

COMMENT ON COLUMN check_result.date_id IS 'The day of the run (UTC).';

COMMENT ON COLUMN check_result.asset_name IS 'The asset: a table, view or report.';

COMMENT ON COLUMN check_result.check_name IS 'The check; run says whether the asset''s step itself ended well.';

COMMENT ON COLUMN check_result.is_passed IS 'Whether it passed.';

COMMENT ON COLUMN check_result.severity IS 'What a failure means.';

COMMENT ON COLUMN check_result.description IS 'What it found, and what to do.';

COMMENT ON COLUMN check_result.checked_at IS 'When it ran (UTC).';

CREATE TABLE IF NOT EXISTS computed_table (
    table_name TEXT NOT NULL,
    inputs_hash TEXT NOT NULL,
    rows_hash TEXT NOT NULL,
    computed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_computed_table PRIMARY KEY (table_name)
);

COMMENT ON TABLE computed_table IS 'One row per table that is computed as a whole: hashes of what it was computed from and of its rows. While both are the same, it is not computed again.';

COMMENT ON COLUMN computed_table.table_name IS 'The table.';

COMMENT ON COLUMN computed_table.inputs_hash IS 'Hash of the rows and the SQL from which it was computed.';

COMMENT ON COLUMN computed_table.rows_hash IS 'Hash of its rows when it was stored: rows changed by hand are computed again.';

COMMENT ON COLUMN computed_table.computed_at IS 'When it was computed (UTC).';

CREATE TABLE IF NOT EXISTS country_continent (
    iso_3166_1 TEXT NOT NULL,
    name TEXT NOT NULL,
    continent TEXT NOT NULL,
    note TEXT,
    CONSTRAINT pk_country_continent PRIMARY KEY (iso_3166_1),
    CONSTRAINT ck_country_continent_iso_3166_1_matches CHECK (iso_3166_1 ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_country_continent_name_max_length CHECK (char_length(name) <= 500),
    CONSTRAINT ck_country_continent_continent_one_of CHECK (continent in ('Africa', 'Antarctica', 'Asia', 'Europe', 'North America', 'Oceania', 'South America')),
    CONSTRAINT ck_country_continent_note_max_length CHECK (char_length(note) <= 1000)
);

COMMENT ON TABLE country_continent IS 'One row per country code with its continent. Source: data/country_continent.csv.';

COMMENT ON COLUMN country_continent.iso_3166_1 IS 'ISO 3166-1 code, or the former or private code TMDb uses.';

COMMENT ON COLUMN country_continent.name IS 'English name.';

COMMENT ON COLUMN country_continent.continent IS 'One of seven continents.';

COMMENT ON COLUMN country_continent.note IS 'Why this continent, where it is disputable.';

CREATE TABLE IF NOT EXISTS details_due (
    snapshot_date DATE NOT NULL,
    movie_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_details_due PRIMARY KEY (snapshot_date, movie_id),
    CONSTRAINT ck_details_due_movie_id_at_least CHECK (movie_id >= 1),
    CONSTRAINT ck_details_due_reason_one_of CHECK (reason in ('changed', 'new', 'refresh', 'returned', 'stale', 'unlisted'))
);

COMMENT ON TABLE details_due IS 'One row per film whose details are due on a day, with the reason. Made once a day, so an interrupted run resumes with the same list.';

COMMENT ON COLUMN details_due.snapshot_date IS 'The day on which they are due.';

COMMENT ON COLUMN details_due.movie_id IS 'TMDb''s id of the film.';

COMMENT ON COLUMN details_due.reason IS 'Why.';

CREATE TABLE IF NOT EXISTS dim_company (
    company_id BIGINT NOT NULL,
    name TEXT,
    origin_country TEXT,
    as_of_date DATE NOT NULL,
    inserted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dim_company PRIMARY KEY (company_id),
    CONSTRAINT ck_dim_company_company_id_at_least CHECK (company_id >= 1),
    CONSTRAINT ck_dim_company_name_max_length CHECK (char_length(name) <= 1000),
    CONSTRAINT ck_dim_company_origin_country_max_length CHECK (char_length(origin_country) <= 2)
);

COMMENT ON TABLE dim_company IS 'One row per production company. Source: the films'' details; several ids may share a name.';

COMMENT ON COLUMN dim_company.company_id IS 'TMDb''s id of the company.';

COMMENT ON COLUMN dim_company.name IS 'Name.';

COMMENT ON COLUMN dim_company.origin_country IS 'ISO 3166-1 code as TMDb writes it; NULL where unknown.';

COMMENT ON COLUMN dim_company.as_of_date IS 'Last day on which TMDb confirmed the row; it only advances.';

COMMENT ON COLUMN dim_company.inserted_at IS 'When the row was first loaded (UTC).';

COMMENT ON COLUMN dim_company.updated_at IS 'When the content of the row last changed (UTC).';

CREATE TABLE IF NOT EXISTS dim_country (
    iso_3166_1 TEXT NOT NULL,
    name TEXT,
    continent TEXT,
    as_of_date DATE NOT NULL,
    inserted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dim_country PRIMARY KEY (iso_3166_1),
    CONSTRAINT ck_dim_country_iso_3166_1_matches CHECK (iso_3166_1 ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_dim_country_name_max_length CHECK (char_length(name) <= 500)
);

COMMENT ON TABLE dim_country IS 'One row per country of production. Source: TMDb''s country list and the films'' details; the list''s name wins.';

COMMENT ON COLUMN dim_country.iso_3166_1 IS 'ISO 3166-1 code, or the former or private code TMDb uses.';

COMMENT ON COLUMN dim_country.name IS 'English name.';

COMMENT ON COLUMN dim_country.continent IS 'Continent by country_continent; NULL where that lacks the code.';

COMMENT ON COLUMN dim_country.as_of_date IS 'Last day on which TMDb confirmed the row; it only advances.';

COMMENT ON COLUMN dim_country.inserted_at IS 'When the row was first loaded (UTC).';

COMMENT ON COLUMN dim_country.updated_at IS 'When the content of the row last changed (UTC).';

CREATE TABLE IF NOT EXISTS dim_date (
    date_id DATE NOT NULL,
    year SMALLINT NOT NULL,
    quarter SMALLINT NOT NULL,
    month SMALLINT NOT NULL,
    day SMALLINT NOT NULL,
    iso_week SMALLINT NOT NULL,
    iso_day_of_week SMALLINT NOT NULL,
    month_name TEXT NOT NULL,
    is_weekend BOOLEAN NOT NULL,
    CONSTRAINT pk_dim_date PRIMARY KEY (date_id),
    CONSTRAINT ck_dim_date_quarter_at_least CHECK (quarter >= 1),
    CONSTRAINT ck_dim_date_quarter_at_most CHECK (quarter <= 4),
    CONSTRAINT ck_dim_date_month_at_least CHECK (month >= 1),
    CONSTRAINT ck_dim_date_month_at_most CHECK (month <= 12),
    CONSTRAINT ck_dim_date_day_at_least CHECK (day >= 1),
    CONSTRAINT ck_dim_date_day_at_most CHECK (day <= 31),
    CONSTRAINT ck_dim_date_iso_week_at_least CHECK (iso_week >= 1),
    CONSTRAINT ck_dim_date_iso_week_at_most CHECK (iso_week <= 53),
    CONSTRAINT ck_dim_date_iso_day_of_week_at_least CHECK (iso_day_of_week >= 1),
    CONSTRAINT ck_dim_date_iso_day_of_week_at_most CHECK (iso_day_of_week <= 7),
    CONSTRAINT ck_dim_date_month_name_max_length CHECK (char_length(month_name) <= 20)
);

COMMENT ON TABLE dim_date IS 'One row per calendar day, from the first year of the partitions to the end of next year.';

COMMENT ON COLUMN dim_date.date_id IS 'The day.';

COMMENT ON COLUMN dim_date.year IS 'Calendar year.';

COMMENT ON COLUMN dim_date.quarter IS '1 to 4.';

COMMENT ON COLUMN dim_date.month IS '1 to 12.';

COMMENT ON COLUMN dim_date.day IS 'Day of the month.';

COMMENT ON COLUMN dim_date.iso_week IS 'Week by ISO 8601, 1 to 53.';

COMMENT ON COLUMN dim_date.iso_day_of_week IS '1 (Monday) to 7 (Sunday).';

COMMENT ON COLUMN dim_date.month_name IS 'English name of the month.';

COMMENT ON COLUMN dim_date.is_weekend IS 'Saturday or Sunday.';

CREATE TABLE IF NOT EXISTS dim_genre (
    genre_id BIGINT NOT NULL,
    name TEXT,
    as_of_date DATE NOT NULL,
    inserted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dim_genre PRIMARY KEY (genre_id),
    CONSTRAINT ck_dim_genre_genre_id_at_least CHECK (genre_id >= 1),
    CONSTRAINT ck_dim_genre_name_max_length CHECK (char_length(name) <= 500)
);

COMMENT ON TABLE dim_genre IS 'One row per genre. Source: TMDb''s genre list and the films'' details; the list''s name wins.';

COMMENT ON COLUMN dim_genre.genre_id IS 'TMDb''s id of the genre.';

COMMENT ON COLUMN dim_genre.name IS 'Name, in TMDB_LANGUAGE.';

COMMENT ON COLUMN dim_genre.as_of_date IS 'Last day on which TMDb confirmed the row; it only advances.';

COMMENT ON COLUMN dim_genre.inserted_at IS 'When the row was first loaded (UTC).';

COMMENT ON COLUMN dim_genre.updated_at IS 'When the content of the row last changed (UTC).';

CREATE TABLE IF NOT EXISTS dim_keyword (
    keyword_id BIGINT NOT NULL,
    name TEXT,
    as_of_date DATE NOT NULL,
    inserted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dim_keyword PRIMARY KEY (keyword_id),
    CONSTRAINT ck_dim_keyword_keyword_id_at_least CHECK (keyword_id >= 1),
    CONSTRAINT ck_dim_keyword_name_max_length CHECK (char_length(name) <= 500)
);

COMMENT ON TABLE dim_keyword IS 'One row per keyword. Source: the keywords in the films'' details.';

COMMENT ON COLUMN dim_keyword.keyword_id IS 'TMDb''s id of the keyword.';

COMMENT ON COLUMN dim_keyword.name IS 'The keyword, in English.';

COMMENT ON COLUMN dim_keyword.as_of_date IS 'Last day on which TMDb confirmed the row; it only advances.';

COMMENT ON COLUMN dim_keyword.inserted_at IS 'When the row was first loaded (UTC).';

COMMENT ON COLUMN dim_keyword.updated_at IS 'When the content of the row last changed (UTC).';

CREATE TABLE IF NOT EXISTS dim_language (
    iso_639_1 TEXT NOT NULL,
    name TEXT,
    as_of_date DATE NOT NULL,
    inserted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dim_language PRIMARY KEY (iso_639_1),
    CONSTRAINT ck_dim_language_iso_639_1_matches CHECK (iso_639_1 ~ '^[a-z]{2,3}$'),
    CONSTRAINT ck_dim_language_name_max_length CHECK (char_length(name) <= 500)
);

COMMENT ON TABLE dim_language IS 'One row per language, spoken or original. Source: TMDb''s language list and the films'' details; the list''s name wins.';

COMMENT ON COLUMN dim_language.iso_639_1 IS 'ISO 639-1 code, or the code TMDb uses (cn, xx, sh, mo).';

COMMENT ON COLUMN dim_language.name IS 'English name; NULL where unknown.';

COMMENT ON COLUMN dim_language.as_of_date IS 'Last day on which TMDb confirmed the row; it only advances.';

COMMENT ON COLUMN dim_language.inserted_at IS 'When the row was first loaded (UTC).';

COMMENT ON COLUMN dim_language.updated_at IS 'When the content of the row last changed (UTC).';

CREATE TABLE IF NOT EXISTS dim_person (
    person_id BIGINT NOT NULL,
    name TEXT,
    original_name TEXT,
    gender TEXT,
    known_for_department TEXT,
    profile_path TEXT,
    as_of_date DATE NOT NULL,
    inserted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dim_person PRIMARY KEY (person_id),
    CONSTRAINT ck_dim_person_person_id_at_least CHECK (person_id >= 1),
    CONSTRAINT ck_dim_person_name_max_length CHECK (char_length(name) <= 1000),
    CONSTRAINT ck_dim_person_original_name_max_length CHECK (char_length(original_name) <= 1000),
    CONSTRAINT ck_dim_person_gender_one_of CHECK (gender in ('female', 'male', 'non-binary')),
    CONSTRAINT ck_dim_person_known_for_department_max_length CHECK (char_length(known_for_department) <= 100),
    CONSTRAINT ck_dim_person_profile_path_max_length CHECK (char_length(profile_path) <= 500)
);

COMMENT ON TABLE dim_person IS 'One row per person ever stored in the cast or crew of a film. Source: the credits in the films'' details.';

COMMENT ON COLUMN dim_person.person_id IS 'TMDb''s id of the person.';

COMMENT ON COLUMN dim_person.name IS 'Name, in TMDB_LANGUAGE.';

COMMENT ON COLUMN dim_person.original_name IS 'Name in the person''s own language.';

COMMENT ON COLUMN dim_person.gender IS 'As TMDb states it; NULL where unknown.';

COMMENT ON COLUMN dim_person.known_for_department IS 'The department the person is known for: Acting, Directing, ...';

COMMENT ON COLUMN dim_person.profile_path IS 'Path of the portrait on TMDb''s image host.';

COMMENT ON COLUMN dim_person.as_of_date IS 'Last day on which TMDb confirmed the row; it only advances.';

COMMENT ON COLUMN dim_person.inserted_at IS 'When the row was first loaded (UTC).';

COMMENT ON COLUMN dim_person.updated_at IS 'When the content of the row last changed (UTC).';

CREATE TABLE IF NOT EXISTS fetch_log (
    snapshot_date DATE NOT NULL,
    kind TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    crawl_number BIGINT DEFAULT 1 NOT NULL,
    request_count BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    page_count BIGINT,
    stored_pages JSONB DEFAULT '[]' NOT NULL,
    is_whole_catalogue BOOLEAN DEFAULT false NOT NULL,
    known_film_count BIGINT,
    listed_film_count BIGINT,
    CONSTRAINT pk_fetch_log PRIMARY KEY (snapshot_date, kind),
    CONSTRAINT ck_fetch_log_kind_one_of CHECK (kind in ('changes', 'country', 'details', 'discover', 'export', 'genre', 'language')),
    CONSTRAINT ck_fetch_log_request_count_at_least CHECK (request_count >= 0),
    CONSTRAINT ck_fetch_log_row_count_at_least CHECK (row_count >= 0),
    CONSTRAINT ck_fetch_log_page_count_at_least CHECK (page_count >= 0),
    CONSTRAINT ck_fetch_log_known_film_count_at_least CHECK (known_film_count >= 0),
    CONSTRAINT ck_fetch_log_listed_film_count_at_least CHECK (listed_film_count >= 0)
);

COMMENT ON TABLE fetch_log IS 'One row per day and kind of request: what was sent and stored, and whether it is complete. An interrupted run resumes from it, and a complete day needs no requests.';

COMMENT ON COLUMN fetch_log.snapshot_date IS 'The day fetched for.';

COMMENT ON COLUMN fetch_log.kind IS 'What was requested: films by discover, their details, the lists of changes, the id export, or a reference list.';

COMMENT ON COLUMN fetch_log.started_at IS 'When the first request was sent (UTC).';

COMMENT ON COLUMN fetch_log.finished_at IS 'When it was complete (UTC); NULL while it is not.';

COMMENT ON COLUMN fetch_log.crawl_number IS 'How often the day was begun: 1, and one more for each refresh.';

COMMENT ON COLUMN fetch_log.request_count IS 'Requests sent, retries included.';

COMMENT ON COLUMN fetch_log.row_count IS 'Rows stored.';

COMMENT ON COLUMN fetch_log.page_count IS 'Discover pages that TMDb reported, at most; NULL where none was requested.';

COMMENT ON COLUMN fetch_log.stored_pages IS 'Numbers of the stored discover pages.';

COMMENT ON COLUMN fetch_log.is_whole_catalogue IS 'Whether every slice of release dates in `fetch_slice` is stored: that is every film with a date.';

COMMENT ON COLUMN fetch_log.known_film_count IS 'Films known when the export was read, so those that it could add; NULL for other kinds.';

COMMENT ON COLUMN fetch_log.listed_film_count IS 'Films on the requested discover pages, as TMDb lists them; NULL for other kinds.';

CREATE TABLE IF NOT EXISTS fetch_slice (
    snapshot_date DATE NOT NULL,
    first_release_date DATE NOT NULL,
    last_release_date DATE NOT NULL,
    page_count BIGINT NOT NULL,
    stored_pages JSONB NOT NULL,
    unseen_film_count BIGINT NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_fetch_slice PRIMARY KEY (snapshot_date, first_release_date, last_release_date),
    CONSTRAINT ck_fetch_slice_page_count_at_least CHECK (page_count >= 0),
    CONSTRAINT ck_fetch_slice_unseen_film_count_at_least CHECK (unseen_film_count >= 0)
);

COMMENT ON TABLE fetch_slice IS 'One row per day and slice of release dates of which discover pages are stored, where the whole catalogue is loaded (TMDB_PAGES=all).';

COMMENT ON COLUMN fetch_slice.snapshot_date IS 'The day fetched for.';

COMMENT ON COLUMN fetch_slice.first_release_date IS 'First release date of the slice.';

COMMENT ON COLUMN fetch_slice.last_release_date IS 'Last release date of the slice.';

COMMENT ON COLUMN fetch_slice.page_count IS 'Pages that TMDb reported for the slice, at most 500.';

COMMENT ON COLUMN fetch_slice.stored_pages IS 'Numbers of the stored pages.';

COMMENT ON COLUMN fetch_slice.unseen_film_count IS 'Films of the slice beyond page 500, which discover does not show.';

COMMENT ON COLUMN fetch_slice.finished_at IS 'When its last page was stored (UTC); NULL while some are missing.';

CREATE TABLE IF NOT EXISTS fetch_turn (
    turn SMALLINT NOT NULL,
    holder TEXT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_fetch_turn PRIMARY KEY (turn)
);

COMMENT ON TABLE fetch_turn IS 'One row per database: the last turn of requests to TMDb.';

COMMENT ON COLUMN fetch_turn.turn IS 'Always 1.';

COMMENT ON COLUMN fetch_turn.holder IS 'Random id of the sender: a process, or one of the warehouses opened in it.';

COMMENT ON COLUMN fetch_turn.ended_at IS 'When it ended (UTC); NULL while it lasts, or if it was cut off.';

CREATE TABLE IF NOT EXISTS popularity_total (
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    avg_popularity DOUBLE PRECISION NOT NULL,
    total_votes BIGINT NOT NULL,
    n_movies BIGINT NOT NULL,
    median_popularity DOUBLE PRECISION NOT NULL,
    popularity_share DOUBLE PRECISION,
    top_200_share DOUBLE PRECISION,
    n_movies_with_votes BIGINT NOT NULL,
    oldest_votes_date DATE,
    avg_rating DOUBLE PRECISION,
    votes_weighted_rating DOUBLE PRECISION,
    CONSTRAINT pk_popularity_total PRIMARY KEY (kind, code),
    CONSTRAINT ck_popularity_total_kind_one_of CHECK (kind in ('continent', 'genre'))
);

COMMENT ON TABLE popularity_total IS 'One row per genre and per continent with films on the newest loaded day. Updated by each load that changes it; shown by vw_genre_popularity and vw_continent_popularity.';

COMMENT ON COLUMN popularity_total.kind IS 'What the films are grouped by.';

COMMENT ON COLUMN popularity_total.code IS 'The continent, or the genre''s id.';

COMMENT ON COLUMN popularity_total.avg_popularity IS 'Plain mean of the films'' popularity.';

COMMENT ON COLUMN popularity_total.total_votes IS 'Sum of the films'' ratings.';

COMMENT ON COLUMN popularity_total.n_movies IS 'Number of films.';

COMMENT ON COLUMN popularity_total.median_popularity IS 'Median of the films'' popularity.';

COMMENT ON COLUMN popularity_total.popularity_share IS 'Their share of the popularity of the day''s films, 0 to 1.';

COMMENT ON COLUMN popularity_total.top_200_share IS 'The same among the day''s 200 most popular films.';

COMMENT ON COLUMN popularity_total.n_movies_with_votes IS 'Number of films with votes.';

COMMENT ON COLUMN popularity_total.oldest_votes_date IS 'Day of the oldest votes among them.';

COMMENT ON COLUMN popularity_total.avg_rating IS 'Plain mean of the ratings of films with votes.';

COMMENT ON COLUMN popularity_total.votes_weighted_rating IS 'Mean rating, each film with the weight of its votes.';

CREATE TABLE IF NOT EXISTS raw_details (
    snapshot_date DATE NOT NULL,
    movie_id BIGINT NOT NULL,
    status_code SMALLINT NOT NULL,
    payload JSONB,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    crawl_number BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT pk_raw_details PRIMARY KEY (snapshot_date, movie_id),
    CONSTRAINT ck_raw_details_movie_id_at_least CHECK (movie_id >= 1),
    CONSTRAINT ck_raw_details_fetched_at_on_day CHECK ((fetched_at at time zone 'UTC')::date = snapshot_date),
    CONSTRAINT ck_raw_details_crawl_number_at_least CHECK (crawl_number >= 0)
)
 PARTITION BY RANGE (snapshot_date);

COMMENT ON TABLE raw_details IS 'One row per film whose details were requested on a day. Source: GET /movie/{id}.';

CREATE INDEX IF NOT EXISTS ix_raw_details_not_found ON raw_details (movie_id) WHERE status_code = 404;

COMMENT ON COLUMN raw_details.snapshot_date IS 'UTC date of the requests to TMDb.';

COMMENT ON COLUMN raw_details.movie_id IS 'TMDb''s id of the film.';

COMMENT ON COLUMN raw_details.status_code IS 'HTTP status: 200, or 404 for a deleted film.';

COMMENT ON COLUMN raw_details.payload IS 'The film''s details as answered; NULL for 404.';

COMMENT ON COLUMN raw_details.fetched_at IS 'When the details were answered (UTC): on the day itself.';

COMMENT ON COLUMN raw_details.crawl_number IS 'Which crawl of the day it is from; a refresh begins another.';

CREATE TABLE IF NOT EXISTS raw_discover (
    snapshot_date DATE NOT NULL,
    movie_id BIGINT NOT NULL,
    popularity DOUBLE PRECISION NOT NULL,
    vote_average DOUBLE PRECISION,
    vote_count BIGINT,
    rank BIGINT NOT NULL,
    payload JSONB NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    crawl_number BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT pk_raw_discover PRIMARY KEY (snapshot_date, movie_id),
    CONSTRAINT ck_raw_discover_movie_id_at_least CHECK (movie_id >= 1),
    CONSTRAINT ck_raw_discover_popularity_at_least CHECK (popularity >= 0),
    CONSTRAINT ck_raw_discover_popularity_at_most CHECK (popularity <= 1000000000),
    CONSTRAINT ck_raw_discover_vote_average_at_least CHECK (vote_average >= 0),
    CONSTRAINT ck_raw_discover_vote_average_at_most CHECK (vote_average <= 10),
    CONSTRAINT ck_raw_discover_vote_count_at_least CHECK (vote_count >= 0),
    CONSTRAINT ck_raw_discover_rank_at_least CHECK (rank >= 1),
    CONSTRAINT ck_raw_discover_fetched_at_on_day CHECK ((fetched_at at time zone 'UTC')::date = snapshot_date),
    CONSTRAINT ck_raw_discover_crawl_number_at_least CHECK (crawl_number >= 0)
)
 PARTITION BY RANGE (snapshot_date);

COMMENT ON TABLE raw_discover IS 'One row per film seen in discover on a day. Source: GET /discover/movie, by popularity. A film that comes on two pages is kept once: the later answer wins.';

COMMENT ON COLUMN raw_discover.snapshot_date IS 'UTC date of the requests to TMDb.';

COMMENT ON COLUMN raw_discover.movie_id IS 'TMDb''s id of the film.';

COMMENT ON COLUMN raw_discover.popularity IS 'TMDb''s popularity score, without unit.';

COMMENT ON COLUMN raw_discover.vote_average IS 'Mean user rating as sent, 0 to 10.';

COMMENT ON COLUMN raw_discover.vote_count IS 'Number of user ratings as sent.';

COMMENT ON COLUMN raw_discover.rank IS 'Place in the day''s list, or in its slice of release dates, from 1.';

COMMENT ON COLUMN raw_discover.payload IS 'The film''s entry on the page.';

COMMENT ON COLUMN raw_discover.fetched_at IS 'When the page was answered (UTC): on the day itself.';

COMMENT ON COLUMN raw_discover.crawl_number IS 'Which crawl of the day it is from; a refresh begins another.';

CREATE TABLE IF NOT EXISTS raw_export (
    snapshot_date DATE NOT NULL,
    movie_id BIGINT NOT NULL,
    popularity DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_raw_export PRIMARY KEY (snapshot_date, movie_id),
    CONSTRAINT ck_raw_export_movie_id_at_least CHECK (movie_id >= 1),
    CONSTRAINT ck_raw_export_popularity_at_least CHECK (popularity >= 0),
    CONSTRAINT ck_raw_export_popularity_at_most CHECK (popularity <= 1000000000)
)
 PARTITION BY RANGE (snapshot_date);

COMMENT ON TABLE raw_export IS 'One row per known film in the id export of a day. Source: movie_ids_MM_DD_YYYY.json.gz, the only history of popularity that TMDb offers.';

COMMENT ON COLUMN raw_export.snapshot_date IS 'The day of the export.';

COMMENT ON COLUMN raw_export.movie_id IS 'TMDb''s id of the film.';

COMMENT ON COLUMN raw_export.popularity IS 'TMDb''s popularity score, without unit.';

CREATE TABLE IF NOT EXISTS raw_reference (
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT,
    payload JSONB NOT NULL,
    fetched_date DATE NOT NULL,
    CONSTRAINT pk_raw_reference PRIMARY KEY (kind, code),
    CONSTRAINT ck_raw_reference_kind_one_of CHECK (kind in ('country', 'genre', 'language')),
    CONSTRAINT ck_raw_reference_code_max_length CHECK (char_length(code) <= 20),
    CONSTRAINT ck_raw_reference_name_max_length CHECK (char_length(name) <= 500)
);

COMMENT ON TABLE raw_reference IS 'One row per genre, country or language that TMDb lists. Source: GET /genre/movie/list, /configuration/countries, /configuration/languages; requested at most once in 7 days.';

COMMENT ON COLUMN raw_reference.kind IS 'Which list: genre, country or language.';

COMMENT ON COLUMN raw_reference.code IS 'Genre id, ISO 3166-1 or ISO 639-1 code as TMDb writes it.';

COMMENT ON COLUMN raw_reference.name IS 'English name.';

COMMENT ON COLUMN raw_reference.payload IS 'The entry as answered.';

COMMENT ON COLUMN raw_reference.fetched_date IS 'UTC date of the answer.';

CREATE TABLE IF NOT EXISTS rejected_row (
    id UUID NOT NULL,
    table_name TEXT NOT NULL,
    snapshot_date DATE,
    part TEXT,
    payload JSONB NOT NULL,
    reasons JSONB NOT NULL,
    rejected_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_rejected_row PRIMARY KEY (id)
);

COMMENT ON TABLE rejected_row IS 'One row per row that broke its contract when its table was last loaded for that day: tmdb-assets rejected. Of people and keywords a broken cell is stored as NULL, and the row is kept.';

CREATE INDEX IF NOT EXISTS ix_rejected_row_table ON rejected_row (table_name, snapshot_date);

COMMENT ON COLUMN rejected_row.id IS 'Hash of table, day, row and reasons.';

COMMENT ON COLUMN rejected_row.table_name IS 'The table that rejected the row.';

COMMENT ON COLUMN rejected_row.snapshot_date IS 'The day loaded; NULL for tables without days.';

COMMENT ON COLUMN rejected_row.part IS 'What the row came from (a page, a film); NULL for the whole day.';

COMMENT ON COLUMN rejected_row.payload IS 'The row; texts over 1,000 characters are cut, those of raw tables over 100,000.';

COMMENT ON COLUMN rejected_row.reasons IS 'List of the rules it broke.';

COMMENT ON COLUMN rejected_row.rejected_at IS 'When it was first rejected for these reasons (UTC).';

CREATE TABLE IF NOT EXISTS schema_version (
    version_num TEXT NOT NULL,
    CONSTRAINT pk_schema_version PRIMARY KEY (version_num),
    CONSTRAINT ck_schema_version_version_num_max_length CHECK (char_length(version_num) <= 32)
);

COMMENT ON TABLE schema_version IS 'One row per database: the newest step of tmdb_assets/warehouse/schema/migrations applied to it.';

COMMENT ON COLUMN schema_version.version_num IS 'The step''s number.';

CREATE TABLE IF NOT EXISTS top_movie (
    rank BIGINT NOT NULL,
    movie_id BIGINT NOT NULL,
    CONSTRAINT pk_top_movie PRIMARY KEY (rank)
);

COMMENT ON TABLE top_movie IS 'One row per rank, 1 to 200, of the newest loaded day. Updated by each load that changes it; shown by vw_top_movies.';

COMMENT ON COLUMN top_movie.rank IS 'Place, from 1.';

COMMENT ON COLUMN top_movie.movie_id IS 'The film.';

CREATE TABLE IF NOT EXISTS dim_movie (
    movie_id BIGINT NOT NULL,
    title TEXT NOT NULL,
    original_title TEXT,
    release_date DATE,
    status TEXT,
    original_language TEXT,
    runtime_minutes BIGINT,
    budget_usd BIGINT,
    revenue_usd BIGINT,
    is_adult BOOLEAN,
    homepage TEXT,
    imdb_id TEXT,
    overview TEXT,
    poster_path TEXT,
    collection_id BIGINT,
    collection_name TEXT,
    as_of_date DATE NOT NULL,
    details_date DATE,
    credits_date DATE,
    keywords_date DATE,
    releases_date DATE,
    removed_date DATE,
    inserted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dim_movie PRIMARY KEY (movie_id),
    CONSTRAINT fk_dim_movie_original_language FOREIGN KEY(original_language) REFERENCES dim_language (iso_639_1),
    CONSTRAINT ck_dim_movie_movie_id_at_least CHECK (movie_id >= 1),
    CONSTRAINT ck_dim_movie_title_max_length CHECK (char_length(title) <= 2000),
    CONSTRAINT ck_dim_movie_original_title_max_length CHECK (char_length(original_title) <= 2000),
    CONSTRAINT ck_dim_movie_status_max_length CHECK (char_length(status) <= 100),
    CONSTRAINT ck_dim_movie_runtime_minutes_at_least CHECK (runtime_minutes >= 1),
    CONSTRAINT ck_dim_movie_runtime_minutes_at_most CHECK (runtime_minutes <= 100000),
    CONSTRAINT ck_dim_movie_budget_usd_at_least CHECK (budget_usd >= 1),
    CONSTRAINT ck_dim_movie_revenue_usd_at_least CHECK (revenue_usd >= 1),
    CONSTRAINT ck_dim_movie_homepage_max_length CHECK (char_length(homepage) <= 5000),
    CONSTRAINT ck_dim_movie_imdb_id_max_length CHECK (char_length(imdb_id) <= 20),
    CONSTRAINT ck_dim_movie_overview_max_length CHECK (char_length(overview) <= 10000),
    CONSTRAINT ck_dim_movie_poster_path_max_length CHECK (char_length(poster_path) <= 500),
    CONSTRAINT ck_dim_movie_collection_id_at_least CHECK (collection_id >= 1),
    CONSTRAINT ck_dim_movie_collection_name_max_length CHECK (char_length(collection_name) <= 1000)
);

COMMENT ON TABLE dim_movie IS 'One row per film, its latest state. First filled from discover, enriched by details. A film that TMDb deleted keeps its row and gets a removed_date.';

CREATE INDEX IF NOT EXISTS ix_dim_movie_removed ON dim_movie (movie_id) WHERE removed_date is not null;

COMMENT ON COLUMN dim_movie.movie_id IS 'TMDb''s id of the film.';

COMMENT ON COLUMN dim_movie.title IS 'Title in TMDB_LANGUAGE.';

COMMENT ON COLUMN dim_movie.original_title IS 'Title in the original language.';

COMMENT ON COLUMN dim_movie.release_date IS 'First release; NULL where unknown.';

COMMENT ON COLUMN dim_movie.status IS 'Released, Post Production, ...; NULL before details.';

COMMENT ON COLUMN dim_movie.original_language IS 'ISO 639-1 code.';

COMMENT ON COLUMN dim_movie.runtime_minutes IS 'Length in minutes; NULL where unknown.';

COMMENT ON COLUMN dim_movie.budget_usd IS 'Budget in US dollars; NULL where unknown.';

COMMENT ON COLUMN dim_movie.revenue_usd IS 'Worldwide revenue in US dollars; NULL where unknown.';

COMMENT ON COLUMN dim_movie.is_adult IS 'Whether TMDb marks the film as adult.';

COMMENT ON COLUMN dim_movie.homepage IS 'The film''s own page.';

COMMENT ON COLUMN dim_movie.imdb_id IS 'IMDb''s id.';

COMMENT ON COLUMN dim_movie.overview IS 'Summary.';

COMMENT ON COLUMN dim_movie.poster_path IS 'Path of the poster on TMDb''s image host.';

COMMENT ON COLUMN dim_movie.collection_id IS 'TMDb''s id of the collection it belongs to.';

COMMENT ON COLUMN dim_movie.collection_name IS 'Name of that collection.';

COMMENT ON COLUMN dim_movie.as_of_date IS 'Last day on which TMDb confirmed the row; it only advances.';

COMMENT ON COLUMN dim_movie.details_date IS 'Last day whose details were loaded; NULL before the first.';

COMMENT ON COLUMN dim_movie.credits_date IS 'Last day whose details came with cast and crew.';

COMMENT ON COLUMN dim_movie.keywords_date IS 'Last day whose details came with keywords.';

COMMENT ON COLUMN dim_movie.releases_date IS 'Last day whose details came with release dates.';

COMMENT ON COLUMN dim_movie.removed_date IS 'Last day on which TMDb answered 404, unless it came back.';

COMMENT ON COLUMN dim_movie.inserted_at IS 'When the row was first loaded (UTC).';

COMMENT ON COLUMN dim_movie.updated_at IS 'When the content of the row last changed (UTC).';

CREATE TABLE IF NOT EXISTS forecast_score (
    origin_date DATE NOT NULL,
    model TEXT NOT NULL,
    horizon SMALLINT NOT NULL,
    origin_count INTEGER NOT NULL,
    pair_count BIGINT NOT NULL,
    mae DOUBLE PRECISION,
    wape DOUBLE PRECISION,
    mase DOUBLE PRECISION,
    is_published BOOLEAN NOT NULL,
    facts_hash TEXT NOT NULL,
    CONSTRAINT pk_forecast_score PRIMARY KEY (origin_date, model, horizon),
    CONSTRAINT fk_forecast_score_origin_date FOREIGN KEY(origin_date) REFERENCES dim_date (date_id),
    CONSTRAINT ck_forecast_score_model_one_of CHECK (model in ('last_value', 'damped_drift', 'mean_7d', 'seasonal_naive')),
    CONSTRAINT ck_forecast_score_horizon_at_least CHECK (horizon >= 1),
    CONSTRAINT ck_forecast_score_horizon_at_most CHECK (horizon <= 7),
    CONSTRAINT ck_forecast_score_origin_count_at_least CHECK (origin_count >= 0),
    CONSTRAINT ck_forecast_score_pair_count_at_least CHECK (pair_count >= 0),
    CONSTRAINT ck_forecast_score_mae_at_least CHECK (mae >= 0),
    CONSTRAINT ck_forecast_score_wape_at_least CHECK (wape >= 0),
    CONSTRAINT ck_forecast_score_mase_at_least CHECK (mase >= 0)
);

COMMENT ON TABLE forecast_score IS 'One row per day of origin, model and horizon: the errors that the model''s forecasts of the 28 days before would have had by then. Each of these days has its own 2,000 films; nothing after origin_date counts.';

COMMENT ON COLUMN forecast_score.origin_date IS 'The last day that was known.';

COMMENT ON COLUMN forecast_score.model IS 'How the forecasts are computed.';

COMMENT ON COLUMN forecast_score.horizon IS 'Days ahead.';

COMMENT ON COLUMN forecast_score.origin_count IS 'Earlier days with a forecast whose day came.';

COMMENT ON COLUMN forecast_score.pair_count IS 'Forecasts compared with what came.';

COMMENT ON COLUMN forecast_score.mae IS 'Mean absolute error, in points of popularity; NULL without any.';

COMMENT ON COLUMN forecast_score.wape IS 'Sum of the absolute errors as a share of the sum of what came; NULL without any.';

COMMENT ON COLUMN forecast_score.mase IS 'Mean of the absolute errors, each divided by its film''s mean absolute change from day to day in the 28 days before its origin; NULL without any.';

COMMENT ON COLUMN forecast_score.is_published IS 'Whether forecast_movie_daily has this model''s forecasts at this horizon: the lowest wape of seven origins or more, else last_value.';

COMMENT ON COLUMN forecast_score.facts_hash IS 'When the days that it is made from were loaded: another hash, and it is made again.';

CREATE TABLE IF NOT EXISTS load_day (
    date_id DATE NOT NULL,
    discover_count BIGINT NOT NULL,
    export_count BIGINT NOT NULL,
    loaded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_load_day PRIMARY KEY (date_id),
    CONSTRAINT fk_load_day_date_id FOREIGN KEY(date_id) REFERENCES dim_date (date_id),
    CONSTRAINT ck_load_day_discover_count_at_least CHECK (discover_count >= 0),
    CONSTRAINT ck_load_day_export_count_at_least CHECK (export_count >= 0)
);

COMMENT ON TABLE load_day IS 'One row per day loaded into fact_movie_daily.';

COMMENT ON COLUMN load_day.date_id IS 'The day.';

COMMENT ON COLUMN load_day.discover_count IS 'Films from discover.';

COMMENT ON COLUMN load_day.export_count IS 'Films from the daily export.';

COMMENT ON COLUMN load_day.loaded_at IS 'When the day was last loaded (UTC).';

CREATE TABLE IF NOT EXISTS quality_measure (
    date_id DATE NOT NULL,
    measure TEXT NOT NULL,
    subject TEXT NOT NULL,
    figure DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_quality_measure PRIMARY KEY (date_id, measure, subject),
    CONSTRAINT fk_quality_measure_date_id FOREIGN KEY(date_id) REFERENCES dim_date (date_id),
    CONSTRAINT ck_quality_measure_measure_max_length CHECK (char_length(measure) <= 50)
);

COMMENT ON TABLE quality_measure IS 'One row per day, measure and subject: a figure about the quality of the day''s data, as the day''s last run found it.';

CREATE INDEX IF NOT EXISTS ix_quality_measure_measure ON quality_measure (measure, date_id);

COMMENT ON COLUMN quality_measure.date_id IS 'The day (UTC).';

COMMENT ON COLUMN quality_measure.measure IS 'What is measured: null_share, popularity, key_share, ...';

COMMENT ON COLUMN quality_measure.subject IS 'Of what: a column, a table, a source, a key of TMDb''s answers.';

COMMENT ON COLUMN quality_measure.figure IS 'The figure; a share is 0 to 1.';

CREATE TABLE IF NOT EXISTS bridge_movie_cast (
    movie_id BIGINT NOT NULL,
    credit_id TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    character_name TEXT,
    cast_order BIGINT,
    CONSTRAINT pk_bridge_movie_cast PRIMARY KEY (movie_id, credit_id),
    CONSTRAINT fk_bridge_movie_cast_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_bridge_movie_cast_person_id FOREIGN KEY(person_id) REFERENCES dim_person (person_id),
    CONSTRAINT ck_bridge_movie_cast_credit_id_max_length CHECK (char_length(credit_id) <= 100),
    CONSTRAINT ck_bridge_movie_cast_character_name_max_length CHECK (char_length(character_name) <= 2000),
    CONSTRAINT ck_bridge_movie_cast_cast_order_at_least CHECK (cast_order >= 0)
);

COMMENT ON TABLE bridge_movie_cast IS 'One row per film and credit: who plays whom, the first TMDB_CAST_LIMIT by cast_order. A film''s rows are replaced as a whole, and only together with its credits_date.';

CREATE INDEX IF NOT EXISTS ix_bridge_movie_cast_person_id ON bridge_movie_cast (person_id);

COMMENT ON COLUMN bridge_movie_cast.movie_id IS 'The film.';

COMMENT ON COLUMN bridge_movie_cast.credit_id IS 'TMDb''s id of the credit: a person may have several.';

COMMENT ON COLUMN bridge_movie_cast.person_id IS 'The person.';

COMMENT ON COLUMN bridge_movie_cast.character_name IS 'The character; NULL where unknown.';

COMMENT ON COLUMN bridge_movie_cast.cast_order IS 'Place in the cast, from 0.';

CREATE TABLE IF NOT EXISTS bridge_movie_company (
    movie_id BIGINT NOT NULL,
    company_id BIGINT NOT NULL,
    CONSTRAINT pk_bridge_movie_company PRIMARY KEY (movie_id, company_id),
    CONSTRAINT fk_bridge_movie_company_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_bridge_movie_company_company_id FOREIGN KEY(company_id) REFERENCES dim_company (company_id)
);

COMMENT ON TABLE bridge_movie_company IS 'One row per film and production company. A film''s links are replaced as a whole, and only together with its details_date.';

CREATE INDEX IF NOT EXISTS ix_bridge_movie_company_company_id ON bridge_movie_company (company_id);

COMMENT ON COLUMN bridge_movie_company.movie_id IS 'The film.';

COMMENT ON COLUMN bridge_movie_company.company_id IS 'The company.';

CREATE TABLE IF NOT EXISTS bridge_movie_country (
    movie_id BIGINT NOT NULL,
    iso_3166_1 TEXT NOT NULL,
    CONSTRAINT pk_bridge_movie_country PRIMARY KEY (movie_id, iso_3166_1),
    CONSTRAINT fk_bridge_movie_country_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_bridge_movie_country_iso_3166_1 FOREIGN KEY(iso_3166_1) REFERENCES dim_country (iso_3166_1)
);

COMMENT ON TABLE bridge_movie_country IS 'One row per film and country of production (production_countries). A film''s links are replaced as a whole, and only together with its details_date.';

CREATE INDEX IF NOT EXISTS ix_bridge_movie_country_iso_3166_1 ON bridge_movie_country (iso_3166_1);

COMMENT ON COLUMN bridge_movie_country.movie_id IS 'The film.';

COMMENT ON COLUMN bridge_movie_country.iso_3166_1 IS 'The country.';

CREATE TABLE IF NOT EXISTS bridge_movie_crew (
    movie_id BIGINT NOT NULL,
    credit_id TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    department TEXT,
    job TEXT,
    CONSTRAINT pk_bridge_movie_crew PRIMARY KEY (movie_id, credit_id),
    CONSTRAINT fk_bridge_movie_crew_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_bridge_movie_crew_person_id FOREIGN KEY(person_id) REFERENCES dim_person (person_id),
    CONSTRAINT ck_bridge_movie_crew_credit_id_max_length CHECK (char_length(credit_id) <= 100),
    CONSTRAINT ck_bridge_movie_crew_department_max_length CHECK (char_length(department) <= 100),
    CONSTRAINT ck_bridge_movie_crew_job_max_length CHECK (char_length(job) <= 200)
);

COMMENT ON TABLE bridge_movie_crew IS 'One row per film and credit: who did what behind the camera, of the jobs in TMDB_CREW_JOBS. A film''s rows are replaced as a whole, and only together with its credits_date.';

CREATE INDEX IF NOT EXISTS ix_bridge_movie_crew_person_id ON bridge_movie_crew (person_id);

COMMENT ON COLUMN bridge_movie_crew.movie_id IS 'The film.';

COMMENT ON COLUMN bridge_movie_crew.credit_id IS 'TMDb''s id of the credit: a person may have several.';

COMMENT ON COLUMN bridge_movie_crew.person_id IS 'The person.';

COMMENT ON COLUMN bridge_movie_crew.department IS 'Directing, Writing, Production, ...';

COMMENT ON COLUMN bridge_movie_crew.job IS 'Director, Screenplay, Producer, ...';

CREATE TABLE IF NOT EXISTS bridge_movie_genre (
    movie_id BIGINT NOT NULL,
    genre_id BIGINT NOT NULL,
    CONSTRAINT pk_bridge_movie_genre PRIMARY KEY (movie_id, genre_id),
    CONSTRAINT fk_bridge_movie_genre_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_bridge_movie_genre_genre_id FOREIGN KEY(genre_id) REFERENCES dim_genre (genre_id)
);

COMMENT ON TABLE bridge_movie_genre IS 'One row per film and genre. A film''s links are replaced as a whole, and only together with its details_date.';

CREATE INDEX IF NOT EXISTS ix_bridge_movie_genre_genre_id ON bridge_movie_genre (genre_id);

COMMENT ON COLUMN bridge_movie_genre.movie_id IS 'The film.';

COMMENT ON COLUMN bridge_movie_genre.genre_id IS 'The genre.';

CREATE TABLE IF NOT EXISTS bridge_movie_keyword (
    movie_id BIGINT NOT NULL,
    keyword_id BIGINT NOT NULL,
    CONSTRAINT pk_bridge_movie_keyword PRIMARY KEY (movie_id, keyword_id),
    CONSTRAINT fk_bridge_movie_keyword_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_bridge_movie_keyword_keyword_id FOREIGN KEY(keyword_id) REFERENCES dim_keyword (keyword_id)
);

COMMENT ON TABLE bridge_movie_keyword IS 'One row per film and keyword. A film''s links are replaced as a whole, and only together with its keywords_date.';

CREATE INDEX IF NOT EXISTS ix_bridge_movie_keyword_keyword_id ON bridge_movie_keyword (keyword_id);

COMMENT ON COLUMN bridge_movie_keyword.movie_id IS 'The film.';

COMMENT ON COLUMN bridge_movie_keyword.keyword_id IS 'The keyword.';

CREATE TABLE IF NOT EXISTS bridge_movie_language (
    movie_id BIGINT NOT NULL,
    iso_639_1 TEXT NOT NULL,
    CONSTRAINT pk_bridge_movie_language PRIMARY KEY (movie_id, iso_639_1),
    CONSTRAINT fk_bridge_movie_language_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_bridge_movie_language_iso_639_1 FOREIGN KEY(iso_639_1) REFERENCES dim_language (iso_639_1)
);

COMMENT ON TABLE bridge_movie_language IS 'One row per film and spoken language (spoken_languages). A film''s links are replaced as a whole, and only together with its details_date.';

CREATE INDEX IF NOT EXISTS ix_bridge_movie_language_iso_639_1 ON bridge_movie_language (iso_639_1);

COMMENT ON COLUMN bridge_movie_language.movie_id IS 'The film.';

COMMENT ON COLUMN bridge_movie_language.iso_639_1 IS 'The language.';

CREATE TABLE IF NOT EXISTS fact_movie_daily (
    date_id DATE NOT NULL,
    movie_id BIGINT NOT NULL,
    popularity DOUBLE PRECISION NOT NULL,
    vote_average DOUBLE PRECISION,
    vote_count INTEGER,
    source TEXT NOT NULL,
    loaded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_fact_movie_daily PRIMARY KEY (date_id, movie_id),
    CONSTRAINT fk_fact_movie_daily_date_id FOREIGN KEY(date_id) REFERENCES dim_date (date_id),
    CONSTRAINT fk_fact_movie_daily_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT ck_fact_movie_daily_popularity_at_least CHECK (popularity >= 0),
    CONSTRAINT ck_fact_movie_daily_popularity_at_most CHECK (popularity <= 1000000000),
    CONSTRAINT ck_fact_movie_daily_vote_average_at_least CHECK (vote_average >= 0),
    CONSTRAINT ck_fact_movie_daily_vote_average_at_most CHECK (vote_average <= 10),
    CONSTRAINT ck_fact_movie_daily_vote_count_at_least CHECK (vote_count >= 0),
    CONSTRAINT ck_fact_movie_daily_source_one_of CHECK (source in ('discover', 'export'))
)
 PARTITION BY RANGE (date_id);

COMMENT ON TABLE fact_movie_daily IS 'One row per film and day. Popularity and votes as TMDb showed them on that UTC date. A row never falls back from discover to export.';

COMMENT ON COLUMN fact_movie_daily.date_id IS 'UTC date of the snapshot.';

COMMENT ON COLUMN fact_movie_daily.movie_id IS 'The film.';

COMMENT ON COLUMN fact_movie_daily.popularity IS 'TMDb''s popularity score, without unit.';

COMMENT ON COLUMN fact_movie_daily.vote_average IS 'Mean user rating, 0 to 10; NULL without votes.';

COMMENT ON COLUMN fact_movie_daily.vote_count IS 'Number of user ratings; NULL from the export.';

COMMENT ON COLUMN fact_movie_daily.source IS 'discover, or export (popularity only).';

COMMENT ON COLUMN fact_movie_daily.loaded_at IS 'When the row was loaded or last changed (UTC).';

CREATE TABLE IF NOT EXISTS forecast_movie_daily (
    origin_date DATE NOT NULL,
    horizon SMALLINT NOT NULL,
    movie_id BIGINT NOT NULL,
    model TEXT NOT NULL,
    popularity DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_forecast_movie_daily PRIMARY KEY (origin_date, horizon, movie_id),
    CONSTRAINT fk_forecast_movie_daily_origin_date FOREIGN KEY(origin_date) REFERENCES dim_date (date_id),
    CONSTRAINT fk_forecast_movie_daily_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT ck_forecast_movie_daily_horizon_at_least CHECK (horizon >= 1),
    CONSTRAINT ck_forecast_movie_daily_horizon_at_most CHECK (horizon <= 7),
    CONSTRAINT ck_forecast_movie_daily_model_one_of CHECK (model in ('last_value', 'damped_drift', 'mean_7d', 'seasonal_naive')),
    CONSTRAINT ck_forecast_movie_daily_popularity_at_least CHECK (popularity >= 0)
);

COMMENT ON TABLE forecast_movie_daily IS 'One row per day of origin, horizon and film: the popularity expected that many days later, made of facts up to the day of origin only. The 2,000 most popular films of each of the last 90 days. Filled by the job daily.';

COMMENT ON COLUMN forecast_movie_daily.origin_date IS 'The last day that was known.';

COMMENT ON COLUMN forecast_movie_daily.horizon IS 'Days from origin_date to the day that is forecast.';

COMMENT ON COLUMN forecast_movie_daily.movie_id IS 'The film.';

COMMENT ON COLUMN forecast_movie_daily.model IS 'How it was computed: the horizon''s published model of forecast_score, or last_value where the film lacks the days that it needs.';

COMMENT ON COLUMN forecast_movie_daily.popularity IS 'The popularity expected on origin_date + horizon.';

CREATE TABLE IF NOT EXISTS movie_history (
    movie_id BIGINT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE DEFAULT null,
    status TEXT,
    release_date DATE,
    runtime_minutes BIGINT,
    budget_usd BIGINT,
    revenue_usd BIGINT,
    original_language TEXT,
    collection_id BIGINT,
    genre_ids BIGINT[],
    company_ids BIGINT[],
    country_codes TEXT[],
    language_codes TEXT[],
    is_removed BOOLEAN DEFAULT false NOT NULL,
    confirmed_dates DATE[] NOT NULL,
    CONSTRAINT pk_movie_history PRIMARY KEY (movie_id, valid_from),
    CONSTRAINT uq_movie_history_valid_to UNIQUE NULLS NOT DISTINCT (movie_id, valid_to),
    CONSTRAINT fk_movie_history_valid_to FOREIGN KEY(movie_id, valid_to) REFERENCES movie_history (movie_id, valid_from) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_movie_history_valid_to CHECK (valid_to > valid_from),
    CONSTRAINT ck_movie_history_confirmed_dates CHECK (coalesce(confirmed_dates[1] = valid_from, false) and (valid_to is null or confirmed_dates[cardinality(confirmed_dates)] < valid_to)),
    CONSTRAINT ck_movie_history_is_removed CHECK (is_removed = false or num_nonnulls(status, release_date, runtime_minutes, budget_usd, revenue_usd, original_language, collection_id, genre_ids, company_ids, country_codes, language_codes) = 0),
    CONSTRAINT fk_movie_history_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_movie_history_original_language FOREIGN KEY(original_language) REFERENCES dim_language (iso_639_1),
    CONSTRAINT ck_movie_history_status_max_length CHECK (char_length(status) <= 100),
    CONSTRAINT ck_movie_history_runtime_minutes_at_least CHECK (runtime_minutes >= 1),
    CONSTRAINT ck_movie_history_runtime_minutes_at_most CHECK (runtime_minutes <= 100000),
    CONSTRAINT ck_movie_history_budget_usd_at_least CHECK (budget_usd >= 1),
    CONSTRAINT ck_movie_history_revenue_usd_at_least CHECK (revenue_usd >= 1),
    CONSTRAINT ck_movie_history_collection_id_at_least CHECK (collection_id >= 1)
);

COMMENT ON TABLE movie_history IS 'One row per film and state, valid from its valid_from until the day before its valid_to. The states of a film follow each other without gap or overlap, from the first day with an answer on. Source: the films'' details; a removed film has a state without attributes, one known only from discover has none.';

COMMENT ON COLUMN movie_history.movie_id IS 'The film.';

COMMENT ON COLUMN movie_history.valid_from IS 'First day whose answer said so: known to us since.';

COMMENT ON COLUMN movie_history.valid_to IS 'Day of the next state, which this one no longer covers; NULL for the newest.';

COMMENT ON COLUMN movie_history.status IS 'Released, Post Production, ...; NULL where unknown.';

COMMENT ON COLUMN movie_history.release_date IS 'First release; NULL where unknown.';

COMMENT ON COLUMN movie_history.runtime_minutes IS 'Length in minutes; NULL where unknown.';

COMMENT ON COLUMN movie_history.budget_usd IS 'Budget in US dollars; NULL where unknown.';

COMMENT ON COLUMN movie_history.revenue_usd IS 'Worldwide revenue in US dollars; NULL where unknown.';

COMMENT ON COLUMN movie_history.original_language IS 'ISO 639-1 code.';

COMMENT ON COLUMN movie_history.collection_id IS 'TMDb''s id of the collection it belongs to.';

COMMENT ON COLUMN movie_history.genre_ids IS 'Ids of its genres, ascending; {} without any.';

COMMENT ON COLUMN movie_history.company_ids IS 'Ids of its production companies, ascending.';

COMMENT ON COLUMN movie_history.country_codes IS 'ISO 3166-1 codes of its countries of production, sorted.';

COMMENT ON COLUMN movie_history.language_codes IS 'ISO 639-1 codes of its spoken languages, sorted.';

COMMENT ON COLUMN movie_history.is_removed IS 'Whether TMDb had deleted the film; its attributes are then NULL.';

COMMENT ON COLUMN movie_history.confirmed_dates IS 'Days whose answers said so, ascending; valid_from is the first.';

CREATE TABLE IF NOT EXISTS movie_latest (
    movie_id BIGINT NOT NULL,
    popularity DOUBLE PRECISION NOT NULL,
    snapshot_date DATE NOT NULL,
    vote_average DOUBLE PRECISION,
    vote_count INTEGER,
    votes_date DATE,
    CONSTRAINT pk_movie_latest PRIMARY KEY (movie_id),
    CONSTRAINT fk_movie_latest_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id)
)
 WITH (fillfactor = 50);

COMMENT ON TABLE movie_latest IS 'One row per film: its newest fact, and its last known votes. Updated by each load of the fact.';

COMMENT ON COLUMN movie_latest.movie_id IS 'The film.';

COMMENT ON COLUMN movie_latest.popularity IS 'Popularity on snapshot_date.';

COMMENT ON COLUMN movie_latest.snapshot_date IS 'Day of the film''s newest fact.';

COMMENT ON COLUMN movie_latest.vote_average IS 'Last known mean rating.';

COMMENT ON COLUMN movie_latest.vote_count IS 'Last known number of ratings.';

COMMENT ON COLUMN movie_latest.votes_date IS 'Day of the last known votes.';

CREATE TABLE IF NOT EXISTS movie_release (
    movie_id BIGINT NOT NULL,
    iso_3166_1 TEXT NOT NULL,
    release_type TEXT NOT NULL,
    release_date DATE NOT NULL,
    certification TEXT,
    note TEXT,
    CONSTRAINT pk_movie_release PRIMARY KEY (movie_id, iso_3166_1, release_type, release_date),
    CONSTRAINT fk_movie_release_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT ck_movie_release_iso_3166_1_matches CHECK (iso_3166_1 ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_movie_release_release_type_one_of CHECK (release_type in ('Premiere', 'Theatrical (limited)', 'Theatrical', 'Digital', 'Physical', 'TV')),
    CONSTRAINT ck_movie_release_certification_max_length CHECK (char_length(certification) <= 100),
    CONSTRAINT ck_movie_release_note_max_length CHECK (char_length(note) <= 2000)
);

COMMENT ON TABLE movie_release IS 'One row per film, country, type and date of a release. A film''s rows are replaced as a whole, and only together with its releases_date.';

CREATE INDEX IF NOT EXISTS ix_movie_release_release_date ON movie_release (release_date);

COMMENT ON COLUMN movie_release.movie_id IS 'The film.';

COMMENT ON COLUMN movie_release.iso_3166_1 IS 'ISO 3166-1 code of the country as TMDb writes it.';

COMMENT ON COLUMN movie_release.release_type IS 'How it is released.';

COMMENT ON COLUMN movie_release.release_date IS 'The date of the release in that country.';

COMMENT ON COLUMN movie_release.certification IS 'The age rating in that country; NULL where unknown.';

COMMENT ON COLUMN movie_release.note IS 'Where or how, such as a festival or a service.';

CREATE TABLE IF NOT EXISTS movie_similar (
    movie_id BIGINT NOT NULL,
    rank SMALLINT NOT NULL,
    similar_id BIGINT NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    because TEXT NOT NULL,
    CONSTRAINT pk_movie_similar PRIMARY KEY (movie_id, rank),
    CONSTRAINT fk_movie_similar_movie_id FOREIGN KEY(movie_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT fk_movie_similar_similar_id FOREIGN KEY(similar_id) REFERENCES dim_movie (movie_id),
    CONSTRAINT ck_movie_similar_rank_at_least CHECK (rank >= 1),
    CONSTRAINT ck_movie_similar_rank_at_most CHECK (rank <= 20),
    CONSTRAINT ck_movie_similar_score_at_least CHECK (score >= 0),
    CONSTRAINT ck_movie_similar_score_at_most CHECK (score <= 1)
);

COMMENT ON TABLE movie_similar IS 'One row per film and rank: the 20 films with which it shares most, among the 10,000 most popular films of the newest day. Made from genres, keywords, cast, directors, crew, companies, original language and decade; what few films have counts more.';

COMMENT ON COLUMN movie_similar.movie_id IS 'The film.';

COMMENT ON COLUMN movie_similar.rank IS 'Place, from 1.';

COMMENT ON COLUMN movie_similar.similar_id IS 'The similar film.';

COMMENT ON COLUMN movie_similar.score IS 'How much they share, from 0 to 1; the same for both films.';

COMMENT ON COLUMN movie_similar.because IS 'What they share, in words: the up to three features that count most.';
